#include "engine/core/dataset/indexed_dataset.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "engine/core/dataset/index_layout.h"
#include "engine/core/dataset_prefix.h"
#include "engine/core/error.h"

namespace llmrun {
namespace {

// The file is little-endian and its fields are not aligned.
template <typename T>
T load(std::span<const std::byte> bytes, int64_t offset) {
  T value;
  assert(offset >= 0 && static_cast<size_t>(offset) + sizeof(T) <= bytes.size());
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

/// Every complaint about a dataset ends with the same advice: the two files belong together and are made by one command.
template <typename... Args>
[[noreturn]] void refuse(const std::string& path, fmt::format_string<Args...> format, Args&&... args) {
  Error error(Exit::preflight, "cannot use '{}': {}", path, fmt::format(format, std::forward<Args>(args)...));
  throw std::move(error.hint("copy or prepare the dataset again: llmrun data prepare IN... --out PREFIX"));
}

const std::string& checked(const std::string& prefix) {
  if (auto wrong = misnamed_dataset(prefix)) throw Error(Exit::preflight, {*std::move(wrong)});
  return prefix;
}

template <typename Stored>
void widen(const std::byte* from, std::span<int64_t> out) {
  for (size_t i = 0; i < out.size(); ++i) {
    Stored token;
    std::memcpy(&token, from + i * sizeof(Stored), sizeof(Stored));
    out[i] = token;
  }
}

}  // namespace

IndexedDataset::IndexedDataset(const std::string& prefix) : prefix_(checked(prefix)), index_(prefix + ".idx"), data_(prefix + ".bin") {
  const auto bytes = index_.bytes();
  const auto size = static_cast<int64_t>(bytes.size());
  if (size < index_layout::kHeader) {
    refuse(index_.path(), "a header of {} bytes expected, the file has {}", index_layout::kHeader, size);
  }
  if (std::memcmp(bytes.data(), index_layout::kMagic.data(), index_layout::kMagic.size()) != 0) {
    refuse(index_.path(), "not a Megatron index (it does not begin with MMIDIDX)");
  }
  const auto version = load<uint64_t>(bytes, index_layout::kVersionAt);
  if (version != index_layout::kVersion) refuse(index_.path(), "version {} expected, the file says {}", index_layout::kVersion, version);
  const auto code = load<uint8_t>(bytes, index_layout::kTypeAt);
  const auto type = token_type_of_code(code);
  if (!type) refuse(index_.path(), "dtype code {} is not one of 1 2 3 4 5 8 (uint8 int8 int16 int32 int64 uint16)", code);
  type_ = *type;

  const auto sequences = load<uint64_t>(bytes, index_layout::kSequencesAt);
  const auto document_marks = load<uint64_t>(bytes, index_layout::kDocumentMarksAt);
  if (document_marks == 0) refuse(index_.path(), "the document index is empty, it must hold at least the end");
  // Counts that could not fit are refused before they are multiplied: no overflow.
  const auto most = static_cast<uint64_t>(size);
  if (sequences > most || document_marks > most) {
    refuse(index_.path(), "{} sequences and {} document marks cannot fit into the file's {} bytes", sequences, document_marks, size);
  }
  const int64_t expected = index_layout::size(static_cast<int64_t>(sequences), static_cast<int64_t>(document_marks));
  if (size != expected) {
    refuse(index_.path(), "{} bytes expected for {} sequences and {} document marks, the file has {}", expected, sequences, document_marks,
           size);
  }
  sequences_ = static_cast<int64_t>(sequences);
  documents_ = static_cast<int64_t>(document_marks) - 1;
  check_sequences();
  check_documents();
  tokens_ = static_cast<int64_t>(data_.bytes().size()) / token_bytes(type_);
}

void IndexedDataset::check_sequences() const {
  const int64_t width = token_bytes(type_);
  int64_t expected = 0;  // at most 2^31 * 8 bytes a sequence, and sequences is bounded by the file's size: no overflow below 2^63
  for (int64_t sequence = 0; sequence < sequences_; ++sequence) {
    if (length(sequence) < 0) refuse(index_.path(), "sequence {} has the negative length {}", sequence, length(sequence));
    if (pointer(sequence) != expected) {
      refuse(index_.path(), "sequence {} begins at byte {} of the .bin, byte {} expected (sequences must lie without gaps)", sequence,
             pointer(sequence), expected);
    }
    if (__builtin_add_overflow(expected, length(sequence) * width, &expected)) {
      refuse(index_.path(), "the sequence lengths add up to more than 2^63 bytes");
    }
  }
  const auto actual = static_cast<int64_t>(data_.bytes().size());
  if (actual != expected) {
    refuse(data_.path(), "{} bytes expected from '{}' ({} per token), the file has {}", expected, index_.path(), width, actual);
  }
}

void IndexedDataset::check_documents() const {
  int64_t before = 0;
  for (int64_t document = 0; document <= documents_; ++document) {
    const int64_t begin = document_begin(document);
    if (begin < before || begin > sequences_ || (document == 0 && begin != 0)) {
      refuse(index_.path(), "document {} begins at sequence {}, after {} and of {}", document, begin, before, sequences_);
    }
    before = begin;
  }
  if (before != sequences_) refuse(index_.path(), "the documents end at sequence {}, there are {}", before, sequences_);
}

int64_t IndexedDataset::length(int64_t sequence) const { return load<int32_t>(index_.bytes(), index_layout::length_at(sequence)); }
int64_t IndexedDataset::pointer(int64_t sequence) const {
  return load<int64_t>(index_.bytes(), index_layout::pointer_at(sequences_, sequence));
}
int64_t IndexedDataset::document_begin(int64_t document) const {
  return load<int64_t>(index_.bytes(), index_layout::document_at(sequences_, document));
}

int64_t IndexedDataset::document_tokens(int64_t document) const {
  assert(document >= 0 && document < documents_);
  int64_t total = 0;
  for (int64_t sequence = document_begin(document); sequence < document_begin(document + 1); ++sequence) total += length(sequence);
  return total;
}

int64_t IndexedDataset::first_token(int64_t document) const {
  const int64_t sequence = document_begin(document);
  return sequence == sequences_ ? tokens_ : pointer(sequence) / token_bytes(type_);
}

void IndexedDataset::document_begins(int64_t begin, std::span<int64_t> out) const {
  const auto count = static_cast<int64_t>(out.size());
  int64_t low = 0, high = documents_;  // the last document that begins at `begin` or before is in [low, high)
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    (first_token(middle) <= begin ? low : high) = middle;
  }
  int64_t at = begin;
  for (int64_t document = low; at < begin + count; ++document) {
    const int64_t end = std::min(begin + count, first_token(document + 1));
    for (const int64_t first = first_token(document); at < end; ++at) out[static_cast<size_t>(at - begin)] = first;
  }
}

void IndexedDataset::read(int64_t begin, std::span<int64_t> out) const {
  const auto count = static_cast<int64_t>(out.size());
  if (begin < 0 || count > tokens_ || begin > tokens_ - count) {
    throw std::out_of_range(fmt::format("{} tokens from {} on of '{}', which has {}", count, begin, prefix_, tokens_));
  }
  const std::byte* from = data_.bytes().data() + begin * token_bytes(type_);
  switch (type_) {
    case TokenType::uint8:
      return widen<uint8_t>(from, out);
    case TokenType::int8:
      return widen<int8_t>(from, out);
    case TokenType::int16:
      return widen<int16_t>(from, out);
    case TokenType::int32:
      return widen<int32_t>(from, out);
    case TokenType::int64:
      return widen<int64_t>(from, out);
    case TokenType::uint16:
      return widen<uint16_t>(from, out);
  }
}

}  // namespace llmrun
