#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "engine/core/dataset/mapped_file.h"
#include "engine/core/dataset/token_type.h"

namespace llmrun {

/// Megatron's indexed dataset: PREFIX.bin holds the tokens, PREFIX.idx says where sequences and documents begin. Both are mapped, so
/// opening a terabyte costs no memory. PREFIX.idx, little-endian and unaligned:
///
///   "MMIDIDX\0\0"  uint64 version = 1  uint8 dtype code  uint64 sequences  uint64 documents + 1
///   int32 length[sequences]  int64 pointer[sequences] (bytes into .bin)  int64 document[documents + 1] (first sequence of each, then the
///   end)
///
/// The constructor reads the whole index once (20 bytes a sequence) and throws Error(Exit::preflight) on anything that does not agree:
/// sizes, counts, signs, order. Sequences must lie in .bin without gaps, as every Megatron writer leaves them, so token i is item i of
/// .bin.
class IndexedDataset {
 public:
  /// `prefix` without suffix.
  explicit IndexedDataset(const std::string& prefix);

  const std::string& prefix() const { return prefix_; }
  TokenType type() const { return type_; }
  int64_t tokens() const { return tokens_; }
  int64_t sequences() const { return sequences_; }
  int64_t documents() const { return documents_; }

  /// Tokens of one document. REQUIRES 0 <= document < documents().
  int64_t document_tokens(int64_t document) const;

  /// For each token of [begin, begin + out.size()): where its document begins, as a token of the dataset. REQUIRES the interval inside
  /// [0, tokens()). Costs a binary search and a look at each document it meets.
  void document_begins(int64_t begin, std::span<int64_t> out) const;

  /// Copies tokens [begin, begin + out.size()), across document borders. REQUIRES the interval inside [0, tokens()).
  void read(int64_t begin, std::span<int64_t> out) const;

 private:
  void check_sequences() const;
  void check_documents() const;
  int64_t length(int64_t sequence) const;
  int64_t pointer(int64_t sequence) const;
  int64_t document_begin(int64_t document) const;
  int64_t first_token(int64_t document) const;

  std::string prefix_;
  MappedFile index_;
  MappedFile data_;
  TokenType type_ = TokenType::uint16;
  int64_t tokens_ = 0;
  int64_t sequences_ = 0;
  int64_t documents_ = 0;
};

}  // namespace llmrun
