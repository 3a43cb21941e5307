//! Translation both ways, and the service over workers that answer as they are told.

mod calls;
mod translation;
