//! JAAS login configuration files, which hold the users of SASL (Java's `com.sun.security.auth.login.ConfigFile`).
//!
//! ```text
//! Server {
//!     org.apache.zookeeper.server.auth.DigestLoginModule required
//!     user_bob="secret";
//! };
//! ```

mod expand;
#[cfg(test)]
mod tests;
mod tokens;

use std::collections::BTreeMap;

use tokens::{Token, Tokens};

/// A JAAS file that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct JaasError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub reason: String,
}

/// A JAAS file.
#[derive(Clone, Debug, Default)]
pub struct Jaas {
    sections: BTreeMap<String, Vec<Module>>,
}

/// One login module of a section. Its control flag plays no part here.
#[derive(Clone)]
pub struct Module {
    /// Name of the Java class.
    pub class: String,
    /// Its options. Users are among them: `user_<name>`, with the password as value.
    pub options: BTreeMap<String, String>,
}

impl std::fmt::Debug for Module {
    /// Without the options' values: passwords are among them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Module").field("class", &self.class).field("options", &self.options.keys()).finish()
    }
}

impl Jaas {
    /// Reads a file's text. `property` gives the values of system properties for `${name}` in options.
    pub fn parse(text: &str, property: impl Fn(&str) -> Option<String>) -> Result<Self, JaasError> {
        let mut tokens = Tokens::new(text)?;
        let mut sections = BTreeMap::new();
        while *tokens.peek() != Token::End {
            let name = tokens.word("the name of a section")?;
            tokens.symbol('{')?;
            let mut modules = Vec::new();
            while *tokens.peek() != Token::Symbol('}') {
                modules.push(module(&mut tokens, &property)?);
            }
            tokens.symbol('}')?;
            tokens.symbol(';')?;
            if sections.insert(name.clone(), modules).is_some() {
                return Err(tokens.error(format!("section `{name}` is there twice")));
            }
        }
        Ok(Self { sections })
    }

    /// The modules of a section. A section without any counts as not there.
    pub fn section(&self, name: &str) -> Option<&[Module]> {
        self.sections.get(name).map(Vec::as_slice).filter(|modules| !modules.is_empty())
    }
}

fn module(tokens: &mut Tokens<'_>, property: &impl Fn(&str) -> Option<String>) -> Result<Module, JaasError> {
    let class = tokens.word("the class name of a login module")?;
    let flag = tokens.word("a control flag")?;
    if !["required", "requisite", "sufficient", "optional"]
        .iter()
        .any(|known| flag.eq_ignore_ascii_case(known))
    {
        return Err(tokens.error(format!("`{flag}` is no control flag")));
    }
    let mut options = BTreeMap::new();
    while *tokens.peek() != Token::Symbol(';') {
        let name = tokens.word("the name of an option, or `;`")?;
        tokens.symbol('=')?;
        let value = tokens.word("the value of an option")?;
        let value = expand::expand(&value, property).map_err(|unknown| {
            tokens.error(format!("option `{name}` refers to `${{{unknown}}}`, and no such property is set"))
        })?;
        options.insert(name, value);
    }
    tokens.symbol(';')?;
    Ok(Module { class, options })
}
