//! Which four-letter words are answered.

use std::str::FromStr;

use menagerie_jute::four_letter::FourLetterWord;

use crate::suggest::nearest;

/// A list by commas, or `*` for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FourLetterWords(pub Vec<FourLetterWord>);

impl FromStr for FourLetterWords {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = Vec::new();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if name == "*" {
                return Ok(Self(FourLetterWord::ALL.to_vec()));
            }
            words.push(word(name)?);
        }
        Ok(Self(words))
    }
}

fn word(name: &str) -> Result<FourLetterWord, String> {
    let known = || FourLetterWord::ALL.iter().copied();
    known().find(|word| word.as_str() == name).ok_or_else(|| {
        let hint = match nearest(name, known().map(FourLetterWord::as_str)) {
            Some(word) => format!("did you mean {word}?"),
            None => {
                format!("there are {}", known().map(FourLetterWord::as_str).collect::<Vec<_>>().join(", "))
            }
        };
        format!("`{name}` is no four-letter word; {hint}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_listed_by_commas_or_all_at_once() {
        assert_eq!(
            "ruok, srvr,".parse(),
            Ok(FourLetterWords(vec![FourLetterWord::Ruok, FourLetterWord::Srvr]))
        );
        assert_eq!("ruok,*".parse(), Ok(FourLetterWords(FourLetterWord::ALL.to_vec())));
    }

    #[test]
    fn a_mistyped_word_is_named_with_the_nearest() {
        assert_eq!(
            "srvt".parse::<FourLetterWords>(),
            Err("`srvt` is no four-letter word; did you mean srst?".into())
        );
    }
}
