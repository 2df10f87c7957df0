#pragma once
#include <bit>
#include <cstdint>
#include <string_view>

/// Where each field of a Megatron .idx file stands, in bytes: for the reader and the writer alike. See indexed_dataset.h for the picture.
namespace llmrun::index_layout {

static_assert(std::endian::native == std::endian::little, "the format is little-endian and is read and written as it lies in memory");

using namespace std::string_view_literals;
inline constexpr std::string_view kMagic = "MMIDIDX\0\0"sv;
inline constexpr uint64_t kVersion = 1;
inline constexpr int64_t kVersionAt = 9;
inline constexpr int64_t kTypeAt = 17;
inline constexpr int64_t kSequencesAt = 18;
inline constexpr int64_t kDocumentMarksAt = 26;
inline constexpr int64_t kHeader = 34;
inline constexpr int64_t kLongestSequence = INT32_MAX;  // lengths are int32: a longer document is several sequences

constexpr int64_t length_at(int64_t sequence) { return kHeader + 4 * sequence; }
constexpr int64_t pointer_at(int64_t sequences, int64_t sequence) { return length_at(sequences) + 8 * sequence; }
constexpr int64_t document_at(int64_t sequences, int64_t document) { return pointer_at(sequences, sequences) + 8 * document; }
constexpr int64_t size(int64_t sequences, int64_t document_marks) { return document_at(sequences, document_marks); }

}  // namespace llmrun::index_layout
