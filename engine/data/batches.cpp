#include "engine/data/batches.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "engine/core/dataset/dataset_card.h"
#include "engine/core/dataset/indexed_dataset.h"
#include "engine/core/error.h"
#include "engine/core/philox.h"

namespace llmrun {
namespace {

constexpr std::string_view kSynthetic = "synthetic";

/// Token `position` of an endless text that nobody wrote: uniform over the vocabulary.
void fill_synthetic(uint64_t seed, uint64_t stream, int64_t begin, int64_t vocab, std::span<int64_t> out) {
  for (size_t i = 0; i < out.size(); ++i) {
    const PhiloxWords words = philox(seed, stream, begin + i);
    out[i] = static_cast<int64_t>((uint64_t{words[0]} << 32 | words[1]) % static_cast<uint64_t>(vocab));
  }
}

void check_card(const std::string& prefix, int64_t vocab) {
  const auto card = read_card(prefix);
  if (!card || card->largest_id < vocab) return;
  throw std::move(
      Error(Exit::preflight, "'{}' holds token ids up to {}, outside the model's vocabulary of {}", prefix, card->largest_id, vocab)
          .hint("--set model.vocab={}", card->vocab));
}

/// The field table knows that shares are not negative; that they make a split is known here.
void check_split(const std::vector<double>& split) {
  const bool all_zero = std::all_of(split.begin(), split.end(), [](double share) { return share <= 0; });
  if (split.empty() || (split.size() <= 3 && !all_zero)) return;
  throw std::move(Error(Exit::config, "data.split needs one to three shares, not all 0: of training, validation and test")
                      .hint("--set data.split=[0.95,0.05]"));
}

}  // namespace

struct TrainingData::Source {
  std::string path;                       // PREFIX or "synthetic"
  std::optional<IndexedDataset> dataset;  // empty: synthetic
  Interval range;                         // the samples of the dataset that are ours
  SampleOrder order;
  uint64_t stream = 0;  // of a synthetic source

  int64_t first_token(int64_t consumed, const SampleShape& shape) const { return (range.begin + order.at(consumed)) * shape.seq_len; }
  void read(int64_t consumed, const SampleShape& shape, std::span<int64_t> out) const;
  void document_begins(int64_t consumed, const SampleShape& shape, std::span<int64_t> out) const;
  void check_ids(int64_t begin, int64_t vocab, std::span<const int64_t> ids) const;
};

void TrainingData::Source::read(int64_t consumed, const SampleShape& shape, std::span<int64_t> out) const {
  const int64_t begin = first_token(consumed, shape);
  if (!dataset) return fill_synthetic(shape.seed, stream, begin, shape.vocab, out);
  dataset->read(begin, out);
  check_ids(begin, shape.vocab, out);
}

void TrainingData::Source::document_begins(int64_t consumed, const SampleShape& shape, std::span<int64_t> out) const {
  std::fill(out.begin(), out.end(), 0);
  if (!dataset) return;
  const int64_t begin = first_token(consumed, shape);
  dataset->document_begins(begin, out);
  for (int64_t& document : out) document = std::max<int64_t>(document - begin, 0);
}

void TrainingData::Source::check_ids(int64_t begin, int64_t vocab, std::span<const int64_t> ids) const {
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] >= 0 && ids[i] < vocab) continue;
    throw std::move(Error(Exit::preflight, "token {} of '{}' is {}, outside the model's vocabulary of {}", begin + static_cast<int64_t>(i),
                          path, ids[i], vocab)
                        .hint("llmrun data inspect {} shows the vocabulary it was made with: set model.vocab to at least that", path));
  }
}

Interval TrainingData::samples_of(const IndexedDataset& dataset, const std::vector<double>& split, Part part, int64_t seq_len) {
  const int64_t samples = dataset.tokens() > 0 ? (dataset.tokens() - 1) / seq_len : 0;
  const Interval range = split.empty() ? Interval{0, samples} : split_samples(samples, split)[part == Part::training ? 0 : 1];
  if (range.size() >= 1) return range;
  throw std::move(Error(Exit::preflight, "'{}' has {} tokens: {} samples of {} + 1 tokens, {} of them for {}", dataset.prefix(),
                        dataset.tokens(), samples, seq_len, range.size(), part == Part::training ? "training" : "validation")
                      .hint("a shorter --set train.seq_len, a larger share in data.split, or more data"));
}

TrainingData TrainingData::open(const std::vector<DataSource>& sources, DataOrder order, const std::vector<double>& split, Part part,
                                const SampleShape& shape) {
  check_split(split);
  std::vector<double> weights;
  std::vector<std::shared_ptr<const Source>> opened;
  for (size_t index = 0; index < sources.size(); ++index) {
    const std::string& path = sources[index].path;
    // Each source has its own order, and validation's streams are not training's.
    const uint64_t stream = stream_named(part == Part::training ? "data order" : "validation order") + (static_cast<uint64_t>(index) << 40);
    Source source{.path = path,
                  .dataset = std::nullopt,
                  .range = {0, std::numeric_limits<int64_t>::max() / (shape.seq_len + 1)},
                  .order = SampleOrder(DataOrder::sequential, std::numeric_limits<int64_t>::max(), shape.seed, stream),
                  .stream = stream};
    if (path != kSynthetic) {
      source.dataset.emplace(path);
      check_card(path, shape.vocab);
      source.range = samples_of(*source.dataset, split, part, shape.seq_len);
      source.order = SampleOrder(order, source.range.size(), shape.seed, stream);
    }
    opened.push_back(std::make_shared<const Source>(std::move(source)));
    weights.push_back(sources[index].weight);
  }
  return TrainingData(Blend(weights), std::move(opened), shape);
}

TrainingData::TrainingData(Blend blend, std::vector<std::shared_ptr<const Source>> sources, const SampleShape& shape)
    : blend_(std::move(blend)), sources_(std::move(sources)), shape_(shape) {}

void TrainingData::read(int64_t first, int64_t count, int64_t* tokens) const {
  const int64_t width = shape_.seq_len + 1;
  for (int64_t i = 0; i < count; ++i) {
    const Blend::Place place = blend_.at(first + i);
    sources_[place.dataset]->read(place.consumed, shape_, {tokens + i * width, static_cast<size_t>(width)});
  }
}

void TrainingData::document_begins(int64_t first, int64_t count, int64_t* begins) const {
  const int64_t width = shape_.seq_len + 1;
  for (int64_t i = 0; i < count; ++i) {
    const Blend::Place place = blend_.at(first + i);
    sources_[place.dataset]->document_begins(place.consumed, shape_, {begins + i * width, static_cast<size_t>(width)});
  }
}

int64_t TrainingData::samples() const {
  int64_t total = 0;
  for (const auto& source : sources_) {
    if (!source->dataset) return std::numeric_limits<int64_t>::max();
    total += source->range.size();
  }
  return total;
}

bool TrainingData::synthetic() const {
  for (const auto& source : sources_) {
    if (!source->dataset) return true;
  }
  return false;
}

std::string TrainingData::first_prefix() const {
  for (const auto& source : sources_) {
    if (source->dataset) return source->path;
  }
  return "";
}

TrainingData TrainingData::training(const DataConfig& config, const SampleShape& shape) {
  return open(config.train, config.order, config.split, Part::training, shape);
}

std::optional<TrainingData> TrainingData::validation(const DataConfig& config, const SampleShape& shape) {
  if (!config.valid.empty()) return open(config.valid, DataOrder::sequential, {}, Part::validation, shape);
  if (config.split.size() < 2 || config.split[1] <= 0) return std::nullopt;
  return open(config.train, DataOrder::sequential, config.split, Part::validation, shape);
}

}  // namespace llmrun
