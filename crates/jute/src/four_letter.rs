//! Four-letter words: plain commands in the first four bytes of a connection.

/// Bytes that a closing telnet sends; ZooKeeper closes without a word.
pub const TELNET_CLOSE: [u8; 4] = [0xff, 0xf4, 0xff, 0xfd];

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// A command that ZooKeeper knows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FourLetterWord { $($(#[$doc])* $name,)* }

        impl FourLetterWord {
            /// Every word.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word itself.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

words! {
    /// Is the server there?
    Ruok = "ruok";
    /// Read-only or read-write?
    Isro = "isro";
    /// The trace mask.
    Gtmk = "gtmk";
    /// Sets the trace mask; eight more bytes follow.
    Stmk = "stmk";
    /// Resets server statistics.
    Srst = "srst";
    /// Resets connection statistics.
    Crst = "crst";
    /// Sizes of data and log directories.
    Dirs = "dirs";
    /// Digests of the tree.
    Hash = "hash";
    /// Server summary.
    Srvr = "srvr";
    /// Server summary, with clients.
    Stat = "stat";
    /// Monitoring values.
    Mntr = "mntr";
    /// Configuration.
    Conf = "conf";
    /// Connections.
    Cons = "cons";
    /// Sessions and ephemerals.
    Dump = "dump";
    /// Environment.
    Envi = "envi";
    /// Watch summary.
    Wchs = "wchs";
    /// Watches by connection.
    Wchc = "wchc";
    /// Watches by path.
    Wchp = "wchp";
}

/// The word that a connection begins with, if it begins with one. All are far beyond any frame length.
pub fn recognise(first: &[u8; 4]) -> Option<FourLetterWord> {
    // No length below 1.6 GB begins with a lower-case letter, so nearly every connection ends here.
    if !first[0].is_ascii_lowercase() {
        return None;
    }
    FourLetterWord::ALL.iter().copied().find(|word| word.as_str().as_bytes() == first)
}
