/// Nothing that is replaced or put in its place has more bytes: of Unicode's own normalizations, 33.
const LONGEST: usize = 256;

/// SentencePiece's table of strings that are replaced before a text is cut: of those that begin at a place, the longest.
///
/// The table is a double-array trie (Aoe 1989; Darts-clone's layout: 32 bits a node) whose values are places in a block of
/// zero-terminated strings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replacements {
    nodes: Vec<u32>,
    strings: Vec<u8>,
}

impl Replacements {
    /// Of SentencePiece's bytes: the trie's length in bytes, the trie, the strings. None at all replace nothing.
    ///
    /// # Errors
    ///
    /// If they are cut short.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let short = || "its table of replacements is cut short".to_owned();
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(short)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (trie, strings) = rest.split_at_checked(length).ok_or_else(short)?;
        if strings.split(|&byte| byte == 0).any(|string| string.len() > LONGEST) {
            return Err(format!("its table of replacements holds one of more than {LONGEST} bytes"));
        }
        let nodes = trie.as_chunks::<4>().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect();
        Ok(Self { nodes, strings: strings.to_vec() })
    }

    /// The text with all replacements made, from left to right.
    pub(crate) fn apply(&self, text: &str) -> String {
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(c) = rest.chars().next() {
            let (length, replacement) = match self.longest(rest.as_bytes()) {
                Some((length, text)) if rest.is_char_boundary(length) => (length, text),
                _ => (c.len_utf8(), &rest[..c.len_utf8()]),
            };
            out.push_str(replacement);
            rest = &rest[length..];
        }
        out
    }

    /// The longest string of the table that `bytes` begin with: its length, and what replaces it.
    fn longest(&self, bytes: &[u8]) -> Option<(usize, &str)> {
        let mut at = offset(*self.nodes.first()?);
        let mut found = None;
        for (i, &byte) in bytes.iter().take(LONGEST).enumerate() {
            at ^= usize::from(byte);
            let Some(&node) = self.nodes.get(at).filter(|&&node| label(node) == u32::from(byte)) else {
                break;
            };
            at ^= offset(node);
            if has_value(node) {
                found = self.nodes.get(at).map(|&value| (i + 1, (value & 0x7fff_ffff) as usize));
            }
        }
        let (length, start) = found?;
        let string = self.strings.get(start..)?.split(|&byte| byte == 0).next()?;
        Some((length, std::str::from_utf8(string).ok()?))
    }
}

fn has_value(node: u32) -> bool {
    node >> 8 & 1 == 1
}

fn label(node: u32) -> u32 {
    node & (1 << 31 | 0xff)
}

fn offset(node: u32) -> usize {
    ((node >> 10) << ((node & (1 << 9)) >> 6)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A trie by hand: "A" becomes "a", "AB" becomes "c". A node of label l that is reached from offset o is at o ^ l.
    fn table() -> Replacements {
        let node = |label: u8, offset: u32, has_value: bool| {
            u32::from(label) | u32::from(has_value) << 8 | offset << 10
        };
        let mut nodes = vec![0; 1024];
        nodes[0] = node(0, 256, false);
        nodes[256 ^ usize::from(b'A')] = node(b'A', 512 ^ 256 ^ 65, true);
        let after_a = (256 ^ 65) ^ (512 ^ 256 ^ 65);
        nodes[after_a] = 0;
        nodes[after_a ^ usize::from(b'B')] = node(b'B', 768 ^ 512 ^ 66, true);
        nodes[768] = 2;
        Replacements { nodes, strings: b"a\0c\0".to_vec() }
    }

    #[test]
    fn the_longest_string_is_replaced() {
        assert_eq!(table().apply("xA ABA é"), "xa ca é");
        assert_eq!(Replacements::default().apply("AB"), "AB");
    }

    #[test]
    fn a_table_that_is_cut_short_is_refused() {
        assert!(Replacements::parse(&[1, 2]).is_err());
        assert!(Replacements::parse(&[8, 0, 0, 0, 1, 2, 3, 4]).is_err());
        let endless = [&[4, 0, 0, 0, 0, 0, 0, 0][..], &[b'a'; 1000]].concat();
        assert!(Replacements::parse(&endless).unwrap_err().contains("256 bytes"));
    }
}
