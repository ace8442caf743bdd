//! The data sets that can be downloaded, with the lengths and digests of their files.

/// A published data set.
#[derive(Debug)]
pub struct PublishedSet {
    /// What the command calls it.
    pub name: &'static str,
    /// The folder that its files are published in.
    pub url: &'static str,
    /// Its files.
    pub files: &'static [PublishedFile],
    /// A `[dataset]` section that reads it from the current directory, with `DIR` for the folder.
    pub config: &'static str,
}

/// A file of a published data set.
#[derive(Debug)]
pub struct PublishedFile {
    /// Its name.
    pub name: &'static str,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: &'static str,
    /// Of an archive, the files to unpack, by the last part of their names.
    pub unpack: &'static [&'static str],
}

/// The set called `name`.
pub fn published(name: &str) -> Option<&'static PublishedSet> {
    SETS.iter().find(|set| set.name == name)
}

/// The names of all sets.
pub fn published_names() -> Vec<&'static str> {
    SETS.iter().map(|set| set.name).collect()
}

const fn file(name: &'static str, bytes: u64, sha256: &'static str) -> PublishedFile {
    PublishedFile { name, bytes, sha256, unpack: &[] }
}

const IDX_CONFIG: &str = r#"type = "idx"
images = "DIR/train-images-idx3-ubyte.gz"
labels = "DIR/train-labels-idx1-ubyte.gz"
valid_images = "DIR/t10k-images-idx3-ubyte.gz"
valid_labels = "DIR/t10k-labels-idx1-ubyte.gz"
pad_to = 32"#;

const SETS: [PublishedSet; 3] = [
    PublishedSet {
        name: "mnist",
        url: "https://ossci-datasets.s3.amazonaws.com/mnist",
        files: &[
            file(
                "train-images-idx3-ubyte.gz",
                9_912_422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            ),
            file(
                "train-labels-idx1-ubyte.gz",
                28_881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            ),
            file(
                "t10k-images-idx3-ubyte.gz",
                1_648_877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            ),
            file(
                "t10k-labels-idx1-ubyte.gz",
                4_542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
        ],
        config: IDX_CONFIG,
    },
    PublishedSet {
        name: "fashion-mnist",
        url: "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        files: &[
            file(
                "train-images-idx3-ubyte.gz",
                26_421_880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            ),
            file(
                "train-labels-idx1-ubyte.gz",
                29_515,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            ),
            file(
                "t10k-images-idx3-ubyte.gz",
                4_422_102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            ),
            file(
                "t10k-labels-idx1-ubyte.gz",
                5_148,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
        ],
        config: IDX_CONFIG,
    },
    PublishedSet {
        name: "cifar10",
        url: "https://www.cs.toronto.edu/~kriz",
        files: &[PublishedFile {
            name: "cifar-10-binary.tar.gz",
            bytes: 170_052_171,
            sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            unpack: &[
                "data_batch_1.bin",
                "data_batch_2.bin",
                "data_batch_3.bin",
                "data_batch_4.bin",
                "data_batch_5.bin",
                "test_batch.bin",
            ],
        }],
        config: "type = \"cifar10\"\npath = \"DIR\"\nflip = true",
    },
];
