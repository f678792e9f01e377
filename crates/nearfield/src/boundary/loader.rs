//! A file's bytes, arriving in pieces or mapped, become an index.

use super::import::Importer;
use super::isa_limit;
use super::options::{self, OPEN};
use super::query::Index;
use crate::bytes::addressable;
use crate::bytes::region::{AlignedBytes, Region};
use crate::error::{Code, Error, Result};
use crate::exec::Exec;
use crate::ids::KeyColumn;
use crate::index::open::{Residence, open};
use crate::kernels::Isa;
use std::sync::Arc;

/// Receives a file piece by piece into memory of exactly its size, then checks it.
#[derive(Debug)]
pub struct Loader {
    memory: AlignedBytes,
    written: usize,
    bytes: usize,
    isa: Option<Isa>,
}

impl Loader {
    /// Reserves `bytes_total`; `options` is JSON, e.g. `{"isa":"avx2"}`.
    pub fn new(bytes_total: u64, options: &str) -> Result<Self> {
        let isa = isa_limit(&options::parse(OPEN, options)?);
        let bytes = addressable(bytes_total)?;
        Ok(Self {
            memory: AlignedBytes::try_new(bytes_total)?,
            written: 0,
            bytes,
            isa,
        })
    }

    /// Appends the next bytes.
    pub fn write(&mut self, chunk: &[u8]) -> Result<()> {
        let room = &mut self.memory.as_mut_slice()[self.written..];
        let Some(room) = room.get_mut(..chunk.len()) else {
            let (written, bytes, chunk) = (self.written, self.bytes, chunk.len());
            let message = format!("{chunk} bytes after {written}, expected {bytes} in all");
            return Err(Error::new(Code::Io, message));
        };
        room.copy_from_slice(chunk);
        self.written += chunk.len();
        Ok(())
    }

    /// Checks everything once and gives the index.
    pub fn finish(self, exec: Exec<'_>) -> Result<Index> {
        let isa = self.isa;
        let file = self.whole()?;
        let index = open(&file, Residence::Loaded, isa, exec)?;
        Ok(Index::opened(index, None, None))
    }

    /// Takes the file for one of another library; [`Importer::new`] says what `options` and `keys` are.
    pub fn import(self, options: &str, keys: Option<KeyColumn>) -> Result<Importer> {
        Importer::new(self.whole()?, options, keys)
    }

    fn whole(self) -> Result<Region> {
        if self.written != self.bytes {
            let message = format!("received {} bytes, expected {}", self.written, self.bytes);
            return Err(Error::new(Code::Io, message));
        }
        Ok(Region::new(Arc::new(self.memory)))
    }
}

impl Importer {
    /// Takes a mapped file: read through the map, of which nothing is left once the import is done,
    /// for the other library's form is not this one's.
    pub fn of_map(
        map: Arc<dyn AsRef<[u8]> + Send + Sync>,
        options: &str,
        keys: Option<KeyColumn>,
    ) -> Result<Self> {
        Self::new(Region::new(map), options, keys)
    }
}

impl Index {
    /// Opens a mapped file: checked once; vectors and codes stay in the map, all else is copied out
    /// before they are checked.
    pub fn open_mapped(
        map: Arc<dyn AsRef<[u8]> + Send + Sync>,
        options: &str,
        exec: Exec<'_>,
    ) -> Result<Self> {
        let isa = isa_limit(&options::parse(OPEN, options)?);
        let index = open(&Region::new(map), Residence::Mapped, isa, exec)?;
        Ok(Self::opened(index, None, None))
    }
}
