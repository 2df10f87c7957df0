#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/spec/config.h"
#include "engine/data/order.h"

namespace llmrun {

class IndexedDataset;

/// What decides which tokens a sample holds, beside the dataset itself.
struct SampleShape {
  int64_t seq_len = 0;
  uint64_t seed = 0;
  int64_t vocab = 0;  // every token id is checked against it
};

/// A run's samples in the order in which they are consumed. Sample i of a dataset is tokens[i * seq_len : i * seq_len + seq_len + 1],
/// across document borders: the inputs, and the targets one further. Any rank may read any sample, and any number of threads at once.
class TrainingData {
 public:
  /// The training samples of `data.train`, or the first share of them where `data.split` is given. Throws Error(Exit::preflight) where a
  /// dataset is missing, broken, holds less than one sample, or is known by its card to hold ids outside the vocabulary.
  static TrainingData training(const DataConfig& config, const SampleShape& shape);

  /// `data.valid`, else the second share of `data.split`, in sequential order; nullopt where neither is there.
  static std::optional<TrainingData> validation(const DataConfig& config, const SampleShape& shape);

  /// Writes samples [first, first + count) of the order into `tokens`: [count, seq_len + 1]. Needs no earlier call, and never ends: epochs
  /// follow each other. Throws Error(Exit::preflight) on a token id outside [0, vocab), with its dataset and position.
  void read(int64_t first, int64_t count, int64_t* tokens) const;

  /// Where in its sample the document of each of these tokens begins, [count, seq_len + 1]: 0 for one that began before. Synthetic tokens
  /// are one document.
  void document_begins(int64_t first, int64_t count, int64_t* begins) const;

  /// Samples of one epoch, over all datasets; INT64_MAX with synthetic ones among them.
  int64_t samples() const;

  /// True when some of the tokens are made by seed rather than read: the caller says so loudly.
  bool synthetic() const;

  /// The prefix of the first dataset that is read; "" when all is synthetic. Its card names the tokenizer.
  std::string first_prefix() const;

 private:
  struct Source;  // one dataset of the blend
  enum class Part { training, validation };
  static TrainingData open(const std::vector<DataSource>& sources, DataOrder order, const std::vector<double>& split, Part part,
                           const SampleShape& shape);
  static Interval samples_of(const IndexedDataset& dataset, const std::vector<double>& split, Part part, int64_t seq_len);
  TrainingData(Blend blend, std::vector<std::shared_ptr<const Source>> sources, const SampleShape& shape);

  Blend blend_;
  std::vector<std::shared_ptr<const Source>> sources_;  // shared: copies of this object read the same mapped files
  SampleShape shape_;
};

}  // namespace llmrun
