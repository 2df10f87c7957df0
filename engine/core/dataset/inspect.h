#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/dataset/dataset_card.h"
#include "engine/core/dataset/token_type.h"

namespace llmrun {

/// What `llmrun data inspect` shows.
struct DatasetSummary {
  TokenType type = TokenType::uint16;
  int64_t documents = 0;
  int64_t sequences = 0;
  int64_t tokens = 0;
  std::vector<int64_t> documents_by_length;  // entry i: documents of [2^i, 2^(i+1)) tokens; empty documents count in entry 0
  std::vector<int64_t> first_tokens;         // at most 64
  std::optional<DatasetCard> card;
};

/// Throws Error(Exit::preflight) as IndexedDataset and read_card do.
DatasetSummary summarise(const std::string& prefix);

/// Reads every token. Throws one Error(Exit::preflight) with all that is wrong: ids below 0 or not below `vocab` (default: the card's),
/// and a card that disagrees with the files. Returns the largest id, -1 without tokens.
int64_t verify(const std::string& prefix, std::optional<int64_t> vocab);

}  // namespace llmrun
