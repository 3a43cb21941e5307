//! Bugs that are planted on purpose, to see that the simulation finds them. They exist only where the feature
//! `mutations` is on, which is in the simulation alone, and there only the one that the environment names.

/// Whether the bug `name` is planted.
#[cfg(feature = "mutations")]
pub(crate) fn planted(name: &str) -> bool {
    std::env::var_os("MENAGERIE_MUTATION").is_some_and(|planted| planted == name)
}

/// Whether the bug is planted: never.
#[cfg(not(feature = "mutations"))]
pub(crate) const fn planted(_name: &str) -> bool {
    false
}
