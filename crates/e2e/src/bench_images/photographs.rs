//! The photographs that everything is measured by.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Fault, picture};

/// Where each lies beneath the folder of photographs, by lines; `#` begins a comment.
const LIST: &str = include_str!("../../../../benches/images/photographs.txt");

/// One of them.
#[derive(Clone, Debug)]
pub struct Photograph {
    /// A word for tables and names of files.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Bytes of the file.
    pub bytes: u64,
}

impl Photograph {
    /// Millions of pixels.
    pub fn megapixels(&self) -> f64 {
        f64::from(self.width) * f64::from(self.height) / 1e6
    }
}

/// All of the list, beneath `folder`, in which the packages were unpacked.
///
/// # Errors
/// One is missing, or is not what a reference can be made of; see [`picture::check_plain`].
pub fn load(folder: &Path) -> Result<Vec<Photograph>, Fault> {
    entries().map(|entry| load_one(folder, entry)).collect()
}

fn entries() -> impl Iterator<Item = &'static str> {
    LIST.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn load_one(folder: &Path, entry: &str) -> Result<Photograph, Fault> {
    let path = folder.join(entry);
    let read = || -> Result<Photograph, Fault> {
        let file = fs::read(&path)?;
        picture::check_plain(&file)?;
        let probe = imaging::probe(&file)?;
        Ok(Photograph {
            name: name_of(entry),
            path: path.clone(),
            width: probe.width,
            height: probe.height,
            bytes: file.len() as u64,
        })
    };
    read().map_err(|error| format!("{}: {error}", path.display()).into())
}

/// The name of the file, or, where that only tells its size, of the wallpaper that it is.
fn name_of(entry: &str) -> String {
    let parts: Vec<&str> = entry.split('/').collect();
    let stem = |part: &str| part.rsplit_once('.').map_or(part, |(stem, _)| stem).to_owned();
    match parts.as_slice() {
        [.., wallpaper, "contents", "images", _] => (*wallpaper).to_owned(),
        [.., file] => stem(file),
        [] => entry.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn there_are_eleven_photographs_with_names_of_their_own() {
        let names: HashSet<String> = entries().map(name_of).collect();
        assert_eq!((entries().count(), names.len()), (11, 11));
    }

    #[test]
    fn names_tell_photographs_apart() {
        assert_eq!(name_of("usr/share/backgrounds/A_by_B.jpg"), "A_by_B");
        assert_eq!(
            name_of("usr/share/wallpapers/Leaf/contents/images/2560x1600.jpg"),
            "Leaf"
        );
    }
}
