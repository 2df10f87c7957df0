#include "engine/core/dataset/inspect.h"

#include <algorithm>
#include <bit>

#include "engine/core/dataset/indexed_dataset.h"
#include "engine/core/error.h"

namespace llmrun {

DatasetSummary summarise(const std::string& prefix) {
  const IndexedDataset dataset(prefix);
  DatasetSummary summary{.type = dataset.type(),
                         .documents = dataset.documents(),
                         .sequences = dataset.sequences(),
                         .tokens = dataset.tokens(),
                         .documents_by_length = {},
                         .first_tokens = std::vector<int64_t>(std::min<int64_t>(64, dataset.tokens())),
                         .card = read_card(prefix)};
  dataset.read(0, summary.first_tokens);
  for (int64_t document = 0; document < dataset.documents(); ++document) {
    const auto tokens = static_cast<uint64_t>(std::max<int64_t>(dataset.document_tokens(document), 1));
    const auto bin = static_cast<size_t>(std::bit_width(tokens) - 1);
    if (summary.documents_by_length.size() <= bin) summary.documents_by_length.resize(bin + 1);
    ++summary.documents_by_length[bin];
  }
  return summary;
}

int64_t verify(const std::string& prefix, std::optional<int64_t> vocab) {
  const IndexedDataset dataset(prefix);
  const auto card = read_card(prefix);
  if (!vocab && card) vocab = card->vocab;
  constexpr int64_t kPiece = 1 << 16;
  std::vector<int64_t> ids;
  int64_t outside = 0, first_outside = -1, largest = -1;
  for (int64_t begin = 0; begin < dataset.tokens(); begin += kPiece) {
    ids.resize(std::min(kPiece, dataset.tokens() - begin));
    dataset.read(begin, ids);
    for (size_t i = 0; i < ids.size(); ++i) {
      largest = std::max(largest, ids[i]);
      if (ids[i] >= 0 && (!vocab || ids[i] < *vocab)) continue;
      if (outside++ == 0) first_outside = begin + static_cast<int64_t>(i);
    }
  }

  std::vector<Complaint> complaints;
  const auto complain = [&](std::string what, std::string hint) { complaints.push_back({std::move(what), {}, {}, std::move(hint)}); };
  if (outside > 0) {
    complain(fmt::format("{} tokens of '{}' are outside the vocabulary{}, the first at position {}", outside, prefix,
                         vocab ? fmt::format(" of {}", *vocab) : "", first_outside),
             vocab ? "prepare the dataset again, or name the right vocabulary: --vocab N" : "prepare the dataset again");
  }
  if (card) {
    const auto agree = [&](const char* what, int64_t said, int64_t found) {
      if (said == found) return;
      complain(fmt::format("'{}.json' says {} {}, the files hold {}", prefix, said, what, found),
               "the files are of different datasets: copy all of PREFIX.*");
    };
    agree("documents", card->documents, dataset.documents());
    agree("tokens", card->tokens, dataset.tokens());
    agree("as the largest id", card->largest_id, largest);
  }
  if (!complaints.empty()) throw Error(Exit::preflight, std::move(complaints));
  return largest;
}

}  // namespace llmrun
