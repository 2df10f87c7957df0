#include "engine/core/dataset/encode.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "engine/core/philox.h"

namespace llmrun {
namespace {

template <typename Stored>
void store(const std::vector<int32_t>& ids, EncodedChunk& chunk) {
  chunk.stored.resize(ids.size() * sizeof(Stored));
  auto* out = reinterpret_cast<Stored*>(chunk.stored.data());  // a string's memory is aligned for every scalar
  int32_t largest = -1;
  for (size_t i = 0; i < ids.size(); ++i) {
    out[i] = static_cast<Stored>(ids[i]);
    largest = std::max(largest, ids[i]);
  }
  chunk.largest_id = largest;
}

uint64_t hash_of(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace

InputChunks::InputChunks(std::vector<TextInput> inputs) : inputs_(std::move(inputs)) {
  for (const TextInput& input : inputs_) {
    ends_.push_back(count() + ChunkedText::chunks(input));
    offsets_.push_back(bytes_);
    bytes_ += input.bytes;
  }
}

InputChunks::Place InputChunks::at(int64_t number) const {
  const auto index = std::upper_bound(ends_.begin(), ends_.end(), number) - ends_.begin();
  const int64_t before = index == 0 ? 0 : ends_[index - 1];
  return {inputs_[index], number - before, number + 1 == ends_[index]};
}

int64_t InputChunks::bytes_before(int64_t number) const {
  if (number >= count()) return bytes_;
  const Place place = at(number);
  return offsets_[&place.input - inputs_.data()] + place.chunk * ChunkedText::kChunk;
}

EncodedChunk encode_chunk(const InputChunks::Place& place, const Tokenizer& tokenizer, TokenType type, const std::string& jsonl_key) {
  const ChunkedText text(place.input);
  std::vector<int32_t> ids;
  EncodedChunk encoded;
  text.for_each_document(place.chunk, jsonl_key, [&](std::string_view document, bool ends) {
    tokenizer.encode(document, ids);
    if (!ends) return;
    if (const auto end = tokenizer.document_end()) ids.push_back(static_cast<int32_t>(*end));
    encoded.ends.push_back(static_cast<int64_t>(ids.size()));
  });
  encoded.tokens = static_cast<int64_t>(ids.size());
  encoded.hash = hash_of(text.chunk(place.chunk));
  type == TokenType::uint16 ? store<uint16_t>(ids, encoded) : store<int32_t>(ids, encoded);
  return encoded;
}

uint64_t hash_of(const TextInput& input) {
  const ChunkedText text(input);
  uint64_t hash = 0;
  for (int64_t index = 0; index < ChunkedText::chunks(input); ++index) {
    const uint64_t chunk = hash_of(text.chunk(index));
    hash = XXH3_64bits_withSeed(&chunk, sizeof chunk, hash);
  }
  return hash;
}

std::vector<std::string> sample_lines(const InputChunks& chunks, const std::string& jsonl_key, uint64_t seed, int64_t most_chunks) {
  std::vector<int64_t> picked;
  const Permutation shuffle(std::max<int64_t>(chunks.count(), 1), seed, stream_named("vocabulary sample"));
  for (int64_t i = 0; i < std::min(chunks.count(), most_chunks); ++i) picked.push_back(static_cast<int64_t>(shuffle(i)));
  std::sort(picked.begin(), picked.end());
  std::vector<std::string> lines;
  for (const int64_t number : picked) {
    const InputChunks::Place place = chunks.at(number);
    ChunkedText(place.input).for_each_document(place.chunk, jsonl_key, [&](std::string_view text, bool) {
      while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (!line.empty()) lines.emplace_back(line);
      }
    });
  }
  return lines;
}

}  // namespace llmrun
