#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/core/dataset/text_input.h"
#include "engine/core/dataset/token_type.h"
#include "engine/core/dataset/tokenizer.h"

namespace llmrun {

/// The chunks of many inputs, numbered through: chunk 0 is the first of the first input.
class InputChunks {
 public:
  explicit InputChunks(std::vector<TextInput> inputs);
  struct Place {
    const TextInput& input;
    int64_t chunk;  // of that input
    bool last;
  };
  Place at(int64_t number) const;
  int64_t count() const { return ends_.empty() ? 0 : ends_.back(); }
  int64_t bytes() const { return bytes_; }
  /// About how many bytes come before a chunk: for progress.
  int64_t bytes_before(int64_t number) const;
  const std::vector<TextInput>& inputs() const { return inputs_; }

 private:
  std::vector<TextInput> inputs_;
  std::vector<int64_t> ends_;     // chunks up to and with input i
  std::vector<int64_t> offsets_;  // bytes before input i
  int64_t bytes_ = 0;
};

/// What a chunk of text becomes.
struct EncodedChunk {
  std::string stored;         // tokens as PREFIX.bin holds them
  std::vector<int64_t> ends;  // tokens of the chunk after which a document ends
  int64_t tokens = 0;
  int64_t largest_id = -1;
  uint64_t hash = 0;  // XXH3 of the chunk's bytes
};

/// Pure: the same chunk gives the same bytes on any thread. Appends the tokenizer's document_end() to each document.
EncodedChunk encode_chunk(const InputChunks::Place& place, const Tokenizer& tokenizer, TokenType type, const std::string& jsonl_key);

/// XXH3 of the bytes of one input, chained over its chunks as DatasetWriter does: reads the whole file.
uint64_t hash_of(const TextInput& input);

/// Lines to train a vocabulary from: all of them where the inputs are small, else those of `most_chunks` chunks picked by seed.
std::vector<std::string> sample_lines(const InputChunks& chunks, const std::string& jsonl_key, uint64_t seed, int64_t most_chunks);

}  // namespace llmrun
