#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace llmrun {

/// A file that went into a dataset. `xxh3` is of its bytes (see prepare.h); `modified` only saves reading them again.
struct DatasetInput {
  std::string path;
  int64_t bytes = 0;
  int64_t modified_ns = 0;
  std::string xxh3;
  friend bool operator==(const DatasetInput&, const DatasetInput&) = default;
};

/// PREFIX.json: what the tokens mean. `data prepare` writes it last, so a dataset that has one is complete. Datasets made by other tools
/// have none, and train all the same.
struct DatasetCard {
  std::string tokenizer;                // "bytes", or "spm:NAME.model" beside the dataset
  int64_t vocab = 0;                    // ids the tokenizer may produce
  int64_t largest_id = -1;              // that it did produce here
  std::optional<int64_t> document_end;  // id appended to each document
  int64_t documents = 0;
  int64_t tokens = 0;
  std::string settings;  // the options that decide the bytes, in one string: to tell a rerun from a change
  std::vector<DatasetInput> sources;
  friend bool operator==(const DatasetCard&, const DatasetCard&) = default;
};

/// nullopt where PREFIX.json does not exist; Error(Exit::preflight) where it exists and cannot be understood.
std::optional<DatasetCard> read_card(const std::string& prefix);
std::string to_json(const DatasetCard& card);

/// The tokenizer to open for this dataset: the card's, with its model's path made relative to the current directory's view of PREFIX.
std::string tokenizer_of(const DatasetCard& card, const std::string& prefix);

}  // namespace llmrun
