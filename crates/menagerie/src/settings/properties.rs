//! The syntax of Java properties files, which zoo.cfg is written in.

/// One `key=value` and the line it begins on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// From 1 on.
    pub line: usize,
    /// Unescaped.
    pub key: String,
    /// Unescaped, without blanks at either end (ZooKeeper trims them).
    pub value: String,
}

/// All properties in the order of the file, repeated keys included.
pub fn parse(text: &str) -> Vec<Property> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    let mut properties = Vec::new();
    let mut lines = text.split('\n').enumerate();
    while let Some((number, first)) = lines.next() {
        let mut logical = first.trim_start_matches(BLANKS).to_owned();
        if logical.is_empty() || logical.starts_with(['#', '!']) {
            continue;
        }
        while continues(&logical) {
            logical.pop();
            let Some((_, next)) = lines.next() else { break };
            logical.push_str(next.trim_start_matches(BLANKS));
        }
        let (key, value) = split(&logical);
        properties.push(Property {
            line: number + 1,
            key: unescape(key),
            value: unescape(value).trim().to_owned(),
        });
    }
    properties
}

const BLANKS: [char; 3] = [' ', '\t', '\u{c}'];

/// An odd number of backslashes at the end: the last of them escapes the end of the line.
fn continues(line: &str) -> bool {
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

/// The key ends at the first `=`, `:` or blank that is not escaped; blanks around one separator belong to neither side.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.char_indices().find(|(_, c)| {
        let ends = !escaped && (BLANKS.contains(c) || ['=', ':'].contains(c));
        escaped = *c == '\\' && !escaped;
        ends
    });
    let Some((end, _)) = end else { return (line, "") };
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start_matches(BLANKS);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, rest.trim_start_matches(BLANKS))
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                out.push(code.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(usize, String, String)> {
        parse(text).into_iter().map(|p| (p.line, p.key, p.value)).collect()
    }

    fn one(text: &str) -> (String, String) {
        let mut all = pairs(text);
        assert_eq!(all.len(), 1, "{text:?}");
        let (_, key, value) = all.remove(0);
        (key, value)
    }

    #[test]
    fn every_separator_ends_a_key() {
        for text in ["a=b", "a:b", "a b", "a = b", "a\t:\tb", "  a=b  ", "a  b"] {
            assert_eq!(one(text), ("a".into(), "b".into()), "{text:?}");
        }
    }

    #[test]
    fn only_the_first_separator_counts() {
        assert_eq!(one("server.1=zoo1:2888:3888;2181"), ("server.1".into(), "zoo1:2888:3888;2181".into()));
        assert_eq!(one("a=b=c"), ("a".into(), "b=c".into()));
        assert_eq!(one("a= =c"), ("a".into(), "=c".into()));
    }

    #[test]
    fn comments_and_empty_lines_are_skipped_and_a_hash_within_a_value_is_kept() {
        assert_eq!(
            pairs("# x=1\n  ! y=2\n\n   \nz=3 # no comment"),
            [(5, "z".into(), "3 # no comment".into())]
        );
    }

    #[test]
    fn lines_continue_behind_a_single_backslash_and_keep_the_first_number() {
        assert_eq!(pairs("\na=b\\\n   c\nd=e"), [(2, "a".into(), "bc".into()), (4, "d".into(), "e".into())]);
        assert_eq!(pairs("a=b\\\\\nc=d"), [(1, "a".into(), "b\\".into()), (2, "c".into(), "d".into())]);
        assert_eq!(one("a=b\\"), ("a".into(), "b".into()));
        // A comment does not continue.
        assert_eq!(pairs("# a\\\nb=c"), [(2, "b".into(), "c".into())]);
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(one(r"a\=b=c\td"), ("a=b".into(), "c\td".into()));
        assert_eq!(one(r"dir=C\:\\data"), ("dir".into(), r"C:\data".into()));
        assert_eq!(one(r"a=\u0041\q"), ("a".into(), "Aq".into()));
        assert_eq!(one(r"a=\u00zz"), ("a".into(), "\u{fffd}".into()));
    }

    #[test]
    fn every_line_end_and_a_byte_order_mark_are_understood() {
        assert_eq!(
            pairs("\u{feff}a=1\r\nb=2\rc=3"),
            [(1, "a".into(), "1".into()), (2, "b".into(), "2".into()), (3, "c".into(), "3".into())]
        );
    }

    #[test]
    fn a_key_without_value_is_empty() {
        for text in ["a", "a=", "a =  "] {
            assert_eq!(one(text), ("a".into(), String::new()), "{text:?}");
        }
    }
}
