//! Rules for znode paths (ZooKeeper's `PathUtils.validatePath`).

/// Why a path is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Empty.
    #[error("path is empty")]
    Empty,
    /// Does not begin with `/`.
    #[error("path must start with /")]
    NotAbsolute,
    /// Ends with `/`.
    #[error("path must not end with /")]
    TrailingSlash,
    /// Two slashes in a row.
    #[error("empty name in path")]
    EmptyName,
    /// A component `.` or `..`.
    #[error("relative names are not allowed in a path")]
    RelativeName,
    /// A character ZooKeeper forbids.
    #[error("invalid character in path")]
    InvalidCharacter,
}

/// Checks a whole path.
pub fn validate(path: &str) -> Result<(), PathError> {
    if path.is_empty() {
        return Err(PathError::Empty);
    }
    if !path.starts_with('/') {
        return Err(PathError::NotAbsolute);
    }
    if path.len() == 1 {
        return Ok(());
    }
    if path.ends_with('/') {
        return Err(PathError::TrailingSlash);
    }
    for name in path[1..].split('/') {
        match name {
            "" => return Err(PathError::EmptyName),
            "." | ".." => return Err(PathError::RelativeName),
            _ => {}
        }
    }
    if path.bytes().all(|b| (0x20..0x7f).contains(&b)) || path.chars().all(is_allowed) {
        Ok(())
    } else {
        Err(PathError::InvalidCharacter)
    }
}

/// ZooKeeper judges UTF-16 units, so whatever needs a surrogate is out as well.
fn is_allowed(c: char) -> bool {
    !matches!(c as u32, 0..=0x1f | 0x7f..=0x9f | 0xd800..=0xf8ff | 0xfff0..)
}

/// The parent of a valid path other than `/`, with the last component.
pub fn split(path: &str) -> Option<(&str, &str)> {
    let slash = path.rfind('/')?;
    let name = &path[slash + 1..];
    if name.is_empty() {
        return None;
    }
    Some((if slash == 0 { "/" } else { &path[..slash] }, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_judged_as_zookeeper_judges_them() {
        for good in ["/", "/a", "/a/b", "/...", "/.a", "/a.", "/a b", "/\u{e9}", "/\u{ffef}"] {
            assert_eq!(validate(good), Ok(()), "{good:?}");
        }
        let bad = [
            ("", PathError::Empty),
            ("a", PathError::NotAbsolute),
            ("/a/", PathError::TrailingSlash),
            ("/a//b", PathError::EmptyName),
            ("/a/./b", PathError::RelativeName),
            ("/a/..", PathError::RelativeName),
            ("/\0", PathError::InvalidCharacter),
            ("/\u{1f}", PathError::InvalidCharacter),
            ("/\u{7f}", PathError::InvalidCharacter),
            ("/\u{e000}", PathError::InvalidCharacter),
            ("/\u{fff0}", PathError::InvalidCharacter),
            ("/\u{1f600}", PathError::InvalidCharacter),
        ];
        for (path, error) in bad {
            assert_eq!(validate(path), Err(error), "{path:?}");
        }
    }

    #[test]
    fn split_gives_parent_and_name() {
        assert_eq!(split("/a"), Some(("/", "a")));
        assert_eq!(split("/a/b"), Some(("/a", "b")));
        assert_eq!(split("/"), None);
    }
}
