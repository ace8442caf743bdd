use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::TextError;

/// What the files beside a vocabulary say: `tokenizer_config.json`, `special_tokens_map.json`, and the tokens that were added.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct TokenizerKeys {
    pub(crate) bos_token: Option<Mark>,
    pub(crate) eos_token: Option<Mark>,
    pub(crate) unk_token: Option<Mark>,
    pub(crate) sep_token: Option<Mark>,
    pub(crate) pad_token: Option<Mark>,
    pub(crate) cls_token: Option<Mark>,
    pub(crate) mask_token: Option<Mark>,
    extra_special_tokens: Option<Extra>,
    additional_special_tokens: Option<Extra>,
    /// How many sentinels T5's has.
    pub(crate) extra_ids: Option<usize>,
    pub(crate) do_lower_case: Option<bool>,
    pub(crate) tokenize_chinese_chars: Option<bool>,
    pub(crate) strip_accents: Option<bool>,
    /// Written as 1e30 where there is no limit.
    pub(crate) model_max_length: Option<f64>,
    added_tokens_decoder: Option<BTreeMap<String, Mark>>,
    /// Tokens that were written with their ids, in order.
    #[serde(skip)]
    pub(crate) added: Vec<(Mark, u32)>,
}

/// A token: its spelling, perhaps with how it is matched.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
pub(crate) enum Mark {
    Text(String),
    Object(MarkObject),
}

/// How a token is matched.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
pub(crate) struct MarkObject {
    content: String,
    pub(crate) lstrip: bool,
    pub(crate) rstrip: bool,
    pub(crate) single_word: bool,
    normalized: Option<bool>,
    special: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Extra {
    List(Vec<Mark>),
    Named(BTreeMap<String, Mark>),
}

impl Extra {
    fn marks(&self) -> Vec<&Mark> {
        match self {
            Self::List(marks) => marks.iter().collect(),
            Self::Named(marks) => marks.values().collect(),
        }
    }
}

/// What of `tokenizer.json` we read whatever its model is.
#[derive(Deserialize)]
struct AddedInJson {
    #[serde(default)]
    added_tokens: Vec<AddedWithId>,
}

#[derive(Deserialize)]
struct AddedWithId {
    id: u32,
    #[serde(flatten)]
    mark: MarkObject,
}

impl TokenizerKeys {
    /// Reads the files that are there. Tokens that `tokenizer_config.json` lists go before all others; without these,
    /// `special_tokens_map.json` goes before it, as in the reference library.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or is damaged.
    pub(crate) fn read(folder: &Path) -> Result<Self, TextError> {
        let mut config = Self::of_file(folder, "tokenizer_config.json")?;
        config.extra_special_tokens = config.extra_special_tokens.or(config.additional_special_tokens.take());
        let map = Self::of_file(folder, "special_tokens_map.json")?;
        let Some(decoder) = &config.added_tokens_decoder else {
            let mut keys = map.or(config);
            keys.added = keys.added_beside(folder)?;
            return Ok(keys);
        };
        let path = folder.join("tokenizer_config.json");
        let mut added = Vec::new();
        for (id, mark) in decoder {
            let number = || format!("added_tokens_decoder: {id:?} is no number of a token");
            added.push((mark.clone(), id.parse().map_err(|_| TextError::damaged(&path)(number()))?));
        }
        added.sort_by_key(|(_, id)| *id);
        let keys = config.or(map);
        Ok(Self { added, ..keys })
    }

    /// What one file says; a token without a spelling is refused, whether another file goes before or not.
    fn of_file(folder: &Path, name: &str) -> Result<Self, TextError> {
        let keys: Self = parse(folder, name)?.unwrap_or_default();
        let added = keys.added_tokens_decoder.iter().flat_map(BTreeMap::values);
        check_spelt(folder, name, keys.named().into_iter().chain(keys.extra()).chain(added).map(Mark::text))?;
        Ok(keys)
    }

    fn or(self, other: Self) -> Self {
        Self {
            bos_token: self.bos_token.or(other.bos_token),
            eos_token: self.eos_token.or(other.eos_token),
            unk_token: self.unk_token.or(other.unk_token),
            sep_token: self.sep_token.or(other.sep_token),
            pad_token: self.pad_token.or(other.pad_token),
            cls_token: self.cls_token.or(other.cls_token),
            mask_token: self.mask_token.or(other.mask_token),
            extra_special_tokens: self.extra_special_tokens.or(other.extra_special_tokens),
            additional_special_tokens: self.additional_special_tokens.or(other.additional_special_tokens),
            extra_ids: self.extra_ids.or(other.extra_ids),
            do_lower_case: self.do_lower_case.or(other.do_lower_case),
            tokenize_chinese_chars: self.tokenize_chinese_chars.or(other.tokenize_chinese_chars),
            strip_accents: self.strip_accents.or(other.strip_accents),
            model_max_length: self.model_max_length.or(other.model_max_length),
            added_tokens_decoder: None,
            added: self.added,
        }
    }

    /// The tokens of `added_tokens.json`, then those of `tokenizer.json`.
    fn added_beside(&self, folder: &Path) -> Result<Vec<(Mark, u32)>, TextError> {
        let extra = self.extra_special_tokens.iter().flat_map(Extra::marks);
        let special: BTreeSet<&str> = self.named().into_iter().chain(extra).map(Mark::text).collect();
        let plain: BTreeMap<String, u32> = parse(folder, "added_tokens.json")?.unwrap_or_default();
        check_spelt(folder, "added_tokens.json", plain.keys().map(String::as_str))?;
        let mut added: Vec<(Mark, u32)> = plain
            .into_iter()
            .map(|(content, id)| {
                let special = special.contains(content.as_str());
                (Mark::Object(MarkObject { content, special, ..MarkObject::default() }), id)
            })
            .collect();
        added.sort_by_key(|(_, id)| *id);
        let json: Option<AddedInJson> = parse(folder, "tokenizer.json")?;
        let of_json = json.map(|json| json.added_tokens).unwrap_or_default();
        check_spelt(folder, "tokenizer.json", of_json.iter().map(|token| token.mark.content.as_str()))?;
        added.extend(of_json.into_iter().map(|AddedWithId { id, mark }| (Mark::Object(mark), id)));
        Ok(added)
    }

    /// All marks that are named.
    pub(crate) fn named(&self) -> Vec<&Mark> {
        let marks = [
            &self.bos_token,
            &self.eos_token,
            &self.unk_token,
            &self.sep_token,
            &self.pad_token,
            &self.cls_token,
            &self.mask_token,
        ];
        marks.into_iter().flatten().collect()
    }

    /// Further special tokens.
    pub(crate) fn extra(&self) -> Vec<&Mark> {
        let extra = self.extra_special_tokens.as_ref().or(self.additional_special_tokens.as_ref());
        extra.into_iter().flat_map(Extra::marks).collect()
    }

    /// The length of a sequence: CLIP's where none is named.
    pub(crate) fn context(&self) -> usize {
        const CLIP: usize = 77;
        let limit = self.model_max_length.filter(|limit| (1.0..1e6).contains(limit));
        limit.map_or(CLIP, |limit| limit as usize)
    }
}

/// Refuses tokens without a spelling, which would be found everywhere.
fn check_spelt<'a>(
    folder: &Path,
    name: &str,
    mut spellings: impl Iterator<Item = &'a str>,
) -> Result<(), TextError> {
    if spellings.any(str::is_empty) {
        return Err(TextError::damaged(folder.join(name))("a special or added token is empty: leave it out"));
    }
    Ok(())
}

/// A file of JSON; none if it is not there.
fn parse<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<Option<T>, TextError> {
    let path = folder.join(name);
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).map_err(TextError::io("read", &path))?;
    serde_json::from_str(&text).map(Some).map_err(TextError::damaged(&path))
}

impl Mark {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Object(MarkObject { content, .. }) => content,
        }
    }

    /// How it is matched; what is spelt alone is a special token.
    pub(crate) fn object(&self) -> MarkObject {
        match self {
            Self::Text(content) => {
                MarkObject { content: content.clone(), special: true, ..MarkObject::default() }
            }
            Self::Object(object) => object.clone(),
        }
    }
}

impl MarkObject {
    /// Whether it is searched for in normalized text; special tokens are not, unless they say so.
    pub(crate) fn normalized(&self) -> bool {
        self.normalized.unwrap_or(!self.special)
    }
}
