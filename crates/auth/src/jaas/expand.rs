//! System properties in options: `${name}`.

/// The text with its properties put in. `${{...}}` and what is not closed stay as they are. Fails with the name of a
/// property that is not set.
pub(super) fn expand<'a>(
    text: &'a str,
    property: &impl Fn(&str) -> Option<String>,
) -> Result<String, &'a str> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let literal = rest.starts_with("${{");
        let close = if literal { "}}" } else { "}" };
        let Some(end) = rest.find(close) else { break };
        let end = end + close.len();
        match &rest[2..end - 1] {
            _ if literal => out.push_str(&rest[..end]),
            "/" => out.push(std::path::MAIN_SEPARATOR),
            name => out.push_str(&property(name).ok_or(name)?),
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    Ok(out)
}
