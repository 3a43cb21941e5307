//! What JAAS files may look like.

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Jaas, JaasError> {
    Jaas::parse(text, |name| (name == "secret").then(|| "shh".to_owned()))
}

fn option(text: &str, name: &str) -> Option<String> {
    let jaas = parse(text).expect("well formed");
    jaas.section("Server")?.iter().find_map(|module| module.options.get(name).cloned())
}

#[test]
fn sections_modules_and_options_are_read() {
    let jaas = parse(
        "// users\n/* of\n * two */\nServer {\n  a.b.C required\n    user_x=\"1 \\\"2\\\"\" debug=true;\n  \
         a.D SUFFICIENT;\n};\n\"Quorum Server\" { a.E optional user_y-z.1=pw; }; / and\nEmpty { };",
    )
    .expect("well formed");
    let modules = jaas.section("Server").expect("there");
    assert_eq!((&modules[0].class[..], &modules[1].class[..], modules.len()), ("a.b.C", "a.D", 2));
    assert_eq!(modules[0].options.get("user_x").map(String::as_str), Some("1 \"2\""));
    assert_eq!(modules[0].options.get("debug").map(String::as_str), Some("true"));
    let quorum = jaas.section("Quorum Server").expect("there");
    assert_eq!(quorum[0].options.get("user_y-z.1").map(String::as_str), Some("pw"));
    assert!(jaas.section("Empty").is_none() && jaas.section("Client").is_none());
}

#[test]
fn escapes_and_properties_in_values_are_replaced() {
    for (value, meant) in [
        (r"a\tb\101\60\4567\\", "a\tbA0%67\\"),
        ("${secret}", "shh"),
        ("a${secret}b${/}", "ashhb/"),
        ("${{secret}} $ {x} ${open", "${{secret}} $ {x} ${open"),
    ] {
        let text = format!("Server {{ M required o=\"{value}\"; }};");
        assert_eq!(option(&text, "o").as_deref(), Some(meant), "{value}");
    }
}

#[test]
fn errors_say_where_and_what() {
    for (text, line, hint) in [
        ("Server {\n M required\n user_a=\"x\"\n};", 4, "the name of an option"),
        ("Server {\n M required user_a=\"x\";\n}\n", 4, "`;`"),
        ("Server {\n M maybe;\n};", 2, "control flag"),
        ("Server {\n M required user_a=\"x;\n};", 2, "not closed"),
        ("Server {\n M required user_a=12;\n};", 2, "in quotes"),
        ("Server {\n M required user_a 'x';\n};", 2, "`=`"),
        ("Server { M required; };\nServer { M required; };", 2, "twice"),
        ("Server { M required a=\"${none}\"; };", 1, "${none}"),
        ("{", 1, "the name of a section"),
        ("Server", 1, "`{`"),
    ] {
        let error = parse(text).expect_err(text);
        assert!(error.line == line && error.reason.contains(hint), "{error} for {text}");
    }
}

proptest! {
    #[test]
    fn no_text_is_too_strange_to_be_read_or_refused(text in "[A-Za-z0-9{}=;\"'\\\\/*\n\r$. é-]{0,80}") {
        let _ = parse(&text);
    }
}
