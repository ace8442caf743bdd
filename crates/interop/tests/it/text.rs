//! Text encoders and tokenizers in the layout of the reference library.

use std::fs;
use std::path::Path;

use burn::tensor::{DType, Device, Int, Tensor};
use interop::{
    InteropError, TensorFile, read_clip_text, read_ldm_bert, read_t5_encoder, write_clip_text,
    write_ldm_bert, write_t5_encoder,
};
use serde_json::{Value, json};
use text::{ClipTextConfig, EndToken, LdmBertConfig, T5Config, TextActivation, Tokenizer};

const WEIGHTS: &str = "model.safetensors";

fn clip() -> ClipTextConfig {
    ClipTextConfig {
        vocabulary: 11,
        context: 6,
        channels: 8,
        inner: 12,
        layers: 2,
        heads: 2,
        activation: TextActivation::Gelu,
        end_token: EndToken::Id(9),
        projection: Some(5),
        ..ClipTextConfig::default()
    }
}

fn t5() -> T5Config {
    T5Config {
        vocabulary: 11,
        channels: 8,
        inner: 12,
        layers: 2,
        heads: 2,
        head_channels: 3,
        activation: TextActivation::Relu,
        gated: false,
        buckets: 8,
        farthest: 20,
        ..T5Config::default()
    }
}

fn ids() -> Tensor<2, Int> {
    Tensor::from_data([[10, 3, 9, 9, 0, 1], [10, 9, 7, 7, 7, 7]], &Device::flex())
}

fn folder(write: impl FnOnce(&Path)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    folder
}

#[test]
fn encoders_read_back_what_was_written() {
    let device = Device::flex();
    let written = clip().init(&device, 1).unwrap();
    let place = folder(|path| write_clip_text(path, &written, &clip()).unwrap());
    let (read, config) = read_clip_text(place.path(), &device, DType::F32).unwrap();
    assert_eq!(config, clip());
    let [ours, theirs] =
        [&read, &written].map(|network| network.forward(ids(), None).projected.unwrap().into_data());
    ours.assert_eq(&theirs, true);

    for config in [t5(), T5Config { gated: true, activation: TextActivation::GeluTanh, ..t5() }] {
        let written = config.init(&device, 1).unwrap();
        let place = folder(|path| write_t5_encoder(path, &written, &config).unwrap());
        let (read, found) = read_t5_encoder(place.path(), &device, DType::F32).unwrap();
        assert_eq!(found, config);
        let [ours, theirs] = [&read, &written].map(|network| network.forward(ids(), None).into_data());
        ours.assert_eq(&theirs, true);
    }

    let config = LdmBertConfig {
        vocabulary: 11,
        context: 6,
        channels: 8,
        inner: 12,
        layers: 1,
        heads: 2,
        head_channels: 3,
        ..LdmBertConfig::default()
    };
    let written = config.init(&device, 1).unwrap();
    let place = folder(|path| write_ldm_bert(path, &written, &config).unwrap());
    let (read, found) = read_ldm_bert(place.path(), &device, DType::F32).unwrap();
    assert_eq!(found, config);
    let [ours, theirs] = [&read, &written].map(|network| network.forward(ids()).into_data());
    ours.assert_eq(&theirs, true);
}

/// Names and shapes of the reference library's T5 without a gate, which no recorded case has.
#[test]
fn the_first_t5_has_one_layer_where_later_ones_have_two() {
    let network = t5().init(&Device::flex(), 1).unwrap();
    let place = folder(|path| write_t5_encoder(path, &network, &t5()).unwrap());
    let file = TensorFile::read(&place.path().join(WEIGHTS)).unwrap();
    let shape = |name: &str| file.tensors[name].shape.clone();
    assert_eq!(shape("encoder.block.1.layer.1.DenseReluDense.wi.weight"), [12, 8]);
    assert_eq!(shape("encoder.block.1.layer.0.SelfAttention.o.weight"), [8, 6]);
    assert_eq!(shape("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"), [8, 2]);
    assert_eq!(shape("shared.weight"), [11, 8]);
    assert_eq!(file.tensors.len(), 3 + 2 * 8);
    let keys: Value =
        serde_json::from_str(&fs::read_to_string(place.path().join("config.json")).unwrap()).unwrap();
    assert_eq!(keys["feed_forward_proj"], json!("relu"));
}

/// A whole T5 has a decoder and its table twice; CLIP's names come without their prefix, too.
#[test]
fn what_is_no_part_of_the_encoder_is_left_out() {
    let device = Device::flex();
    let network = t5().init(&device, 1).unwrap();
    let place = folder(|path| write_t5_encoder(path, &network, &t5()).unwrap());
    change(place.path(), |file| {
        let table = file.tensors["shared.weight"].clone();
        for name in ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"] {
            file.tensors.insert(name.into(), table.clone());
        }
    });
    read_t5_encoder(place.path(), &device, DType::F32).unwrap();

    let network = clip().init(&device, 1).unwrap();
    let place = folder(|path| write_clip_text(path, &network, &clip()).unwrap());
    change(place.path(), |file| {
        let bare = |name: String| name.strip_prefix("text_model.").map_or(name.clone(), str::to_owned);
        let tensors = std::mem::take(&mut file.tensors).into_iter();
        file.tensors = tensors.map(|(name, tensor)| (bare(name), tensor)).collect();
    });
    let (read, _) = read_clip_text(place.path(), &device, DType::F32).unwrap();
    let [ours, theirs] = [&read, &network].map(|network| network.forward(ids(), None).last.into_data());
    ours.assert_eq(&theirs, true);
}

fn change(folder: &Path, change: impl FnOnce(&mut TensorFile)) {
    let mut file = TensorFile::read(&folder.join(WEIGHTS)).unwrap();
    change(&mut file);
    file.write().unwrap();
}

/// The state of the end token stands for the prompt, wherever it is, and padding after it changes nothing.
#[test]
fn the_end_token_is_found() {
    let device = Device::flex();
    let network = clip().init(&device, 1).unwrap();
    let states = network.forward(ids(), None);
    let row = |batch: usize, position: usize| {
        let row = states.last.clone().narrow(0, batch, 1).narrow(1, position, 1);
        row.reshape([8]).try_into_vec_as::<f32>().unwrap()
    };
    let pooled: Vec<f32> = states.pooled.clone().try_into_vec_as().unwrap();
    assert_eq!(pooled, [row(0, 2), row(1, 1)].concat());
    assert!(network.skipping(&states, 3).is_none());
    let last = network.skipping(&states, 0).unwrap().into_data();
    last.assert_eq(&states.last.into_data(), true);
}

#[test]
fn options_that_we_do_not_have_are_named() {
    let network = clip().init(&Device::flex(), 1).unwrap();
    let place = folder(|path| write_clip_text(path, &network, &clip()).unwrap());
    let path = place.path().join("config.json");
    let written: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let cases = [
        ("hidden_act", json!("tanh"), "hidden_act = \"tanh\" is not supported"),
        ("new_option", json!(3), "new_option = 3 is not supported"),
        ("architectures", json!(["CLIPModel"]), "architectures = \"CLIPModel\" is not supported"),
        ("num_attention_heads", json!(3), "heads 3 does not divide the 8 channels"),
        ("num_hidden_layers", json!(0), "layers is 0; use at least 1"),
        ("vocab_size", json!(12), "misshapen: text_model.embeddings.token_embedding.weight is [11, 8]"),
    ];
    for (key, value, expected) in cases {
        let mut keys = written.clone();
        keys[key] = value;
        fs::write(&path, keys.to_string()).unwrap();
        let error: InteropError =
            read_clip_text(place.path(), &Device::flex(), DType::F32).map(drop).unwrap_err();
        assert!(error.to_string().contains(expected), "{key}: {error}");
    }
}

fn recorded(name: &str) -> tempfile::TempDir {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name);
    folder(|path| {
        for entry in from.read_dir().unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), path.join(entry.file_name())).unwrap();
        }
    })
}

#[test]
fn a_tokenizer_of_another_model_is_refused() {
    let place = recorded("tokenizer_clip");
    let tokenizer = Tokenizer::read(place.path()).unwrap();
    assert!(tokenizer.clone().with_vocabulary(537).is_ok());
    let error = tokenizer.with_vocabulary(40).unwrap_err().to_string();
    assert_eq!(error, "the tokenizer has 537 tokens, but its encoder only 40: they are not of one model");

    let told = |change: &dyn Fn(&Path)| {
        let place = recorded("tokenizer_clip");
        change(place.path());
        Tokenizer::read(place.path()).unwrap_err().to_string()
    };
    let without = told(&|path| fs::remove_file(path.join("merges.txt")).unwrap());
    assert!(without.contains("holds no tokenizer: it needs vocab.json with merges.txt"), "{without}");
    let cut = told(&|path| fs::write(path.join("vocab.json"), "{\"a\": 1").unwrap());
    assert!(cut.contains("vocab.json"), "{cut}");
    let bare = told(&|path| fs::write(path.join("vocab.json"), "{\"a\": 1}").unwrap());
    assert!(bare.contains("the vocabulary has no token <|endoftext|>"), "{bare}");
}

/// All that `tokenizer.json` holds is enough, and a padding mark is a mark in a prompt as well.
#[test]
fn a_tokenizer_is_read_from_one_file_too() {
    let place = recorded("tokenizer_clip");
    let read = |name: &str| fs::read_to_string(place.path().join(name)).unwrap();
    let vocabulary: Value = serde_json::from_str(&read("vocab.json")).unwrap();
    let merges: Vec<String> = read("merges.txt").lines().skip(1).map(str::to_owned).collect();
    let whole = Tokenizer::read(place.path()).unwrap();
    let json = json!({"model": {
        "type": "BPE", "vocab": vocabulary, "merges": merges, "end_of_word_suffix": "</w>",
    }});
    fs::write(place.path().join("tokenizer.json"), json.to_string()).unwrap();
    fs::remove_file(place.path().join("vocab.json")).unwrap();
    let alone = Tokenizer::read(place.path()).unwrap();
    let prompt = "A photo of THE red dog, on a mat!";
    assert_eq!(alone.encode(prompt), whole.encode(prompt));
    assert_eq!(alone.tokens("").len(), 2);

    // As in Stable Diffusion 2, whose encoder was trained with the padding that the map names.
    let settings = json!({"pad_token": "<|endoftext|>", "model_max_length": 8});
    fs::write(place.path().join("tokenizer_config.json"), settings.to_string()).unwrap();
    fs::write(place.path().join("special_tokens_map.json"), r#"{"pad_token": "!"}"#).unwrap();
    let padded = Tokenizer::read(place.path()).unwrap().encode("dog!");
    assert_eq!((padded.ids.len(), padded.length), (8, 4));
    assert_eq!((padded.ids[2], padded.ids[7]), (0, 0), "the mark, not the word of one mark");
}

/// An empty token would be found without end.
#[test]
fn an_empty_token_is_refused_with_its_file() {
    for (file, text) in [
        ("tokenizer_config.json", r#"{"pad_token": ""}"#),
        ("special_tokens_map.json", r#"{"additional_special_tokens": [{"content": ""}]}"#),
        ("added_tokens.json", r#"{"": 600}"#),
        ("tokenizer.json", r#"{"added_tokens": [{"id": 600, "content": ""}], "model": {}}"#),
        ("tokenizer_config.json", r#"{"added_tokens_decoder": {"600": {"content": ""}}}"#),
    ] {
        let place = recorded("tokenizer_clip");
        fs::write(place.path().join(file), text).unwrap();
        let error = Tokenizer::read(place.path()).unwrap_err().to_string();
        assert!(
            error.ends_with(&format!("{file}: a special or added token is empty: leave it out")),
            "{error}"
        );
    }
}

#[test]
fn an_added_token_needs_a_row_of_the_encoder() {
    let place = recorded("tokenizer_clip");
    fs::write(place.path().join("added_tokens.json"), r#"{"<cat-toy>": 537}"#).unwrap();
    let tokenizer = Tokenizer::read(place.path()).unwrap();
    assert_eq!(tokenizer.tokens("a <CAT-TOY>")[2], 537);
    assert!(tokenizer.clone().with_vocabulary(538).is_ok());
    let error = tokenizer.with_vocabulary(537).unwrap_err().to_string();
    assert!(error.starts_with("the tokenizer has 538 tokens, but its encoder only 537"), "{error}");
}
