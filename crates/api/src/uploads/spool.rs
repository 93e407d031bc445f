//! A file on its way through: it lies in a temporary file without a name, which is gone with whoever holds it.

use std::{
    fs::File,
    io::{self, Write as _},
    mem,
    sync::Arc,
};

use domain::ImageFormat;
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;

/// What is gathered before it is written.
const PIECE_BYTES: usize = 128 << 10;

/// A file that arrives.
#[derive(Debug)]
pub struct Spool {
    file: File,
    hash: Sha256,
    bytes: u64,
    waiting: Vec<u8>,
}

/// A file that has arrived.
#[derive(Debug)]
pub struct Spooled {
    /// Its content.
    pub file: Arc<File>,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its content.
    pub hash: [u8; 32],
    /// What it begins as.
    pub format: ImageFormat,
}

impl Spool {
    /// Begins a file.
    ///
    /// # Errors
    /// The folder for temporary files takes none.
    pub async fn open() -> io::Result<Self> {
        let file = spawn_blocking(tempfile::tempfile).await??;
        Ok(Self {
            file,
            hash: Sha256::new(),
            bytes: 0,
            waiting: Vec::with_capacity(PIECE_BYTES),
        })
    }

    /// How long it is so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds to it. Writing and hashing are done beside the threads that serve.
    ///
    /// # Errors
    /// The disk is full, or fails.
    pub async fn push(mut self, mut chunk: &[u8]) -> io::Result<Self> {
        self.bytes += chunk.len() as u64;
        while self.waiting.len() + chunk.len() >= PIECE_BYTES {
            let (now, later) = chunk.split_at(PIECE_BYTES - self.waiting.len());
            self.waiting.extend_from_slice(now);
            chunk = later;
            self = self.flush().await?;
        }
        self.waiting.extend_from_slice(chunk);
        Ok(self)
    }

    /// Ends it.
    ///
    /// # Errors
    /// The disk is full, or fails.
    pub async fn finish(self, format: ImageFormat) -> io::Result<Spooled> {
        let spool = self.flush().await?;
        Ok(Spooled {
            file: Arc::new(spool.file),
            bytes: spool.bytes,
            hash: spool.hash.finalize().into(),
            format,
        })
    }

    async fn flush(mut self) -> io::Result<Self> {
        spawn_blocking(move || {
            let mut waiting = mem::take(&mut self.waiting);
            self.hash.update(&waiting);
            self.file.write_all(&waiting)?;
            waiting.clear();
            self.waiting = waiting;
            Ok(self)
        })
        .await?
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;

    #[tokio::test]
    async fn a_file_comes_out_as_it_went_in_however_it_was_cut() {
        let content: Vec<u8> = (0..600_000_u32).map(|index| (index % 251) as u8).collect();
        for size in [
            1_000,
            PIECE_BYTES - 1,
            PIECE_BYTES,
            PIECE_BYTES + 1,
            content.len(),
        ] {
            let mut spool = Spool::open().await.unwrap();
            for chunk in content.chunks(size) {
                spool = spool.push(chunk).await.unwrap();
            }
            assert_eq!(spool.bytes(), 600_000);
            let spooled = spool.finish(ImageFormat::Png).await.unwrap();
            let mut read = vec![0; content.len()];
            spooled.file.read_exact_at(&mut read, 0).unwrap();
            assert!(read == content && spooled.bytes == 600_000, "{size}");
            assert_eq!(spooled.hash, <[u8; 32]>::from(Sha256::digest(&content)), "{size}");
        }
    }
}
