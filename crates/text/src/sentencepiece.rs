use std::str;

/// What we read of a SentencePiece model (Kudo and Richardson 2018, arXiv 1808.06226): the pieces of a unigram model with
/// their scores, and the table of characters that are replaced before.
///
/// The file is a protocol buffer, `ModelProto` of the library's `sentencepiece_model.proto`; the numbers of fields are
/// from there.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SentencePiece {
    pub(crate) pieces: Vec<Piece>,
    /// The compiled replacements; none if empty.
    pub(crate) replacements: Vec<u8>,
}

/// A piece of text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Piece {
    pub(crate) text: String,
    /// Its logarithmic probability.
    pub(crate) score: f64,
    pub(crate) kind: PieceKind,
}

/// What a piece is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PieceKind {
    /// Text is cut into it.
    Text,
    /// It stands for what is no piece.
    Unknown,
    /// It stands for something else than text: the end of it, padding.
    Control,
    /// No text is cut into it.
    Unused,
}

/// No piece has more bytes: the trainer's own limit is 16 characters.
const LONGEST_PIECE: usize = 256;

/// Unigram models; the format has others.
const UNIGRAM: u64 = 1;

impl SentencePiece {
    /// Reads a model.
    ///
    /// # Errors
    ///
    /// What is wrong in it.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut model = Self::default();
        for field in Fields(bytes) {
            match field? {
                (1, Value::Bytes(piece)) => model.add_piece(piece)?,
                (2, Value::Bytes(trainer)) => check_trainer(trainer)?,
                (3, Value::Bytes(normalizer)) => {
                    for field in Fields(normalizer) {
                        if let (2, Value::Bytes(table)) = field? {
                            model.replacements = table.to_vec();
                        }
                    }
                }
                _ => {}
            }
        }
        if model.pieces.is_empty() {
            return Err("it holds no pieces".into());
        }
        Ok(model)
    }

    fn add_piece(&mut self, bytes: &[u8]) -> Result<(), String> {
        let (mut text, mut score, mut kind) = (String::new(), 0.0, PieceKind::Text);
        for field in Fields(bytes) {
            match field? {
                (1, Value::Bytes(piece)) => {
                    text = str::from_utf8(piece).map_err(|error| error.to_string())?.to_owned();
                }
                (2, Value::Fixed32(bits)) => score = f64::from(f32::from_bits(bits)),
                (3, Value::Integer(2)) => kind = PieceKind::Unknown,
                (3, Value::Integer(3)) => kind = PieceKind::Control,
                (3, Value::Integer(5)) => kind = PieceKind::Unused,
                _ => {}
            }
        }
        if text.len() > LONGEST_PIECE {
            return Err(format!("its piece {} is {} bytes long", self.pieces.len(), text.len()));
        }
        self.pieces.push(Piece { text, score, kind });
        Ok(())
    }
}

fn check_trainer(bytes: &[u8]) -> Result<(), String> {
    for field in Fields(bytes) {
        match field? {
            (3, Value::Integer(UNIGRAM)) => {}
            (3, Value::Integer(_)) => return Err("it is no unigram model, and we have no others".into()),
            _ => {}
        }
    }
    Ok(())
}

/// A field's value.
enum Value<'a> {
    Integer(u64),
    Fixed32(u32),
    Fixed64,
    Bytes(&'a [u8]),
}

/// The fields of a message: number and value.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field().ok_or_else(|| "it is cut short, or no protocol buffer".to_owned());
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.integer()?;
        let value = match key & 7 {
            0 => Value::Integer(self.integer()?),
            1 => self.take(8).map(|_| Value::Fixed64)?,
            2 => {
                let length = usize::try_from(self.integer()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.take(4)?.try_into().ok()?)),
            _ => return None,
        };
        Some((key >> 3, value))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// Seven bits a byte, the lowest first; the eighth says that another byte follows.
    fn integer(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            number |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(fields: &[(u8, &[u8])]) -> Vec<u8> {
        let field = |(number, bytes): &(u8, &[u8])| [&[number << 3 | 2, bytes.len() as u8], *bytes].concat();
        fields.iter().flat_map(field).collect()
    }

    fn piece(text: &str, score: f32, kind: u8) -> Vec<u8> {
        [&message(&[(1, text.as_bytes())])[..], &[2 << 3 | 5], &score.to_le_bytes(), &[3 << 3, kind]].concat()
    }

    #[test]
    fn pieces_have_scores_and_kinds() {
        let pieces = [piece("<unk>", 0.0, 2), piece("</s>", 0.0, 3), piece("▁a", -1.5, 1)];
        let fields: Vec<(u8, &[u8])> = pieces.iter().map(|piece| (1, piece.as_slice())).collect();
        let table = message(&[(2, b"table")]);
        let bytes = [message(&fields), message(&[(3, &table)])].concat();
        let model = SentencePiece::parse(&bytes).unwrap();
        assert_eq!(model.pieces[2], Piece { text: "▁a".into(), score: -1.5, kind: PieceKind::Text });
        assert_eq!([0, 1].map(|id: usize| model.pieces[id].kind), [PieceKind::Unknown, PieceKind::Control]);
        assert_eq!(model.replacements, b"table");
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        let bytes = message(&[(1, &piece("abc", 1.0, 1))]);
        for length in 1..bytes.len() {
            assert!(SentencePiece::parse(&bytes[..length]).is_err(), "{length}");
        }
        assert!(SentencePiece::parse(&[255; 20]).is_err());
    }
}
