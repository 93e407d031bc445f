//! Compiles the crate anew when a migration, which it embeds, has changed.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations");
}
