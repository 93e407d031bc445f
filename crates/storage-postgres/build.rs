//! Compiles the crate anew when a migration, which it embeds, has changed.

#![expect(clippy::print_stdout, reason = "this is how a build script talks to Cargo")]

fn main() {
    println!("cargo::rerun-if-changed=../../migrations");
}
