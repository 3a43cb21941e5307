//! Clients of the other processes: one for each address, for as long as it is in some list.

use std::collections::HashMap;
use std::sync::Arc;

use tracing::warn;

use crate::error::Result;

/// Clients by address. Whoever stays in a list keeps its connections.
pub(super) struct Calls<C: ?Sized> {
    make: fn(&str) -> Result<Arc<C>>,
    known: HashMap<String, Arc<C>>,
}

impl<C: ?Sized> Calls<C> {
    /// Without clients yet; `make` makes one.
    pub(super) fn new(make: fn(&str) -> Result<Arc<C>>) -> Self {
        Self { make, known: HashMap::new() }
    }

    /// The client of an address; none for one that cannot be called.
    pub(super) fn to(&mut self, address: &str) -> Option<Arc<C>> {
        if let Some(client) = self.known.get(address) {
            return Some(Arc::clone(client));
        }
        match (self.make)(address) {
            Ok(client) => {
                self.known.insert(address.to_owned(), Arc::clone(&client));
                Some(client)
            }
            Err(error) => {
                warn!(%error, "a registered address cannot be called");
                None
            }
        }
    }

    /// Forgets all clients but those of the addresses.
    pub(super) fn keep(&mut self, addresses: &[&str]) {
        self.known.retain(|address, _| addresses.contains(&address.as_str()));
    }
}
