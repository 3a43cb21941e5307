//! Which requests a load is made of.

use std::fmt;
use std::str::FromStr;

use rand::Rng;
use rand::rngs::SmallRng;

/// One kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// getData.
    Get,
    /// setData.
    Set,
    /// create of a persistent znode.
    Create,
    /// create of an ephemeral znode.
    Ephemeral,
    /// delete of a znode that the session has created; a create when it has none left.
    Delete,
    /// exists.
    Exists,
    /// getChildren of one znode.
    Children,
    /// multi of several setData.
    Multi,
    /// sync.
    Sync,
}

impl Kind {
    /// All of them; a kind's place here is its number.
    pub const ALL: [Self; 9] = [
        Self::Get,
        Self::Set,
        Self::Create,
        Self::Ephemeral,
        Self::Delete,
        Self::Exists,
        Self::Children,
        Self::Multi,
        Self::Sync,
    ];

    /// As it is written in a mix.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::Create => "create",
            Self::Ephemeral => "ephemeral",
            Self::Delete => "delete",
            Self::Exists => "exists",
            Self::Children => "children",
            Self::Multi => "multi",
            Self::Sync => "sync",
        }
    }
}

/// Kinds with their weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mix {
    /// Each with the sum of its weight and of those before it.
    steps: Vec<(Kind, u32)>,
    text: String,
}

impl Mix {
    /// The kind of the next request.
    pub fn pick(&self, random: &mut SmallRng) -> Kind {
        let Some((last, total)) = self.steps.last().copied() else { return Kind::Get };
        if self.steps.len() == 1 {
            return last;
        }
        let drawn = random.random_range(0..total);
        self.steps.iter().find(|(_, below)| drawn < *below).map_or(last, |(kind, _)| *kind)
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether there are any of `kind`.
    pub fn has(&self, kind: Kind) -> bool {
        self.steps.iter().any(|(other, _)| *other == kind)
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut steps: Vec<(Kind, u32)> = Vec::new();
        let mut total = 0_u32;
        for part in text.split(',') {
            let (name, weight) = part.split_once('=').unwrap_or((part, "1"));
            let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
                let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
                format!("no request is called {name:?}; there are {}", names.join(", "))
            })?;
            let weight: u32 =
                weight.parse().map_err(|_| format!("{part:?}: the weight is a whole number"))?;
            if steps.iter().any(|(other, _)| *other == kind) {
                return Err(format!("{name} is given twice"));
            }
            total = total.checked_add(weight).ok_or("the weights are too large")?;
            if weight > 0 {
                steps.push((kind, total));
            }
        }
        if steps.is_empty() {
            return Err("every weight is 0".to_owned());
        }
        Ok(Self { steps, text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn kinds_come_in_proportion_to_their_weights() {
        let mix: Mix = "get=70,set=30".parse().expect("a mix");
        let mut random = SmallRng::seed_from_u64(1);
        let gets = (0..100_000).filter(|_| mix.pick(&mut random) == Kind::Get).count();
        assert!((69_000..71_000).contains(&gets), "{gets}");
        assert!(mix.has(Kind::Set) && !mix.has(Kind::Create));
        assert_eq!(mix.to_string(), "get=70,set=30");
    }

    #[test]
    fn every_kind_has_a_name_of_its_own_and_a_mix_of_one_needs_no_weight() {
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
            let mix: Mix = kind.name().parse().expect("a name is a mix");
            assert_eq!(mix.pick(&mut SmallRng::seed_from_u64(1)), kind);
        }
    }

    #[test]
    fn a_weight_of_zero_is_never_drawn() {
        let mix: Mix = "get=0,set=1".parse().expect("a mix");
        let mut random = SmallRng::seed_from_u64(1);
        assert!((0..1_000).all(|_| mix.pick(&mut random) == Kind::Set));
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in ["", "gets", "get=", "get=x", "get=-1", "get=0", "get,get", "get=4294967295,set=1"] {
            assert!(wrong.parse::<Mix>().is_err(), "{wrong}");
        }
    }
}
