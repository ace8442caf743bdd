//! No code: `Cargo.toml` holds shared dependencies at one set of features, so that Burn is compiled once.
