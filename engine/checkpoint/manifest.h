#pragma once
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "engine/checkpoint/piece.h"
#include "engine/checkpoint/snapshot.h"

namespace llmrun {

// manifest.json: what a checkpoint holds and where. It carries a checksum of everything: of the pieces' bytes, of the files' headers,
// and, as its own last member, of the text before that. Whoever trusts its last line can trust the rest.

inline constexpr int kManifestVersion = 1;

struct FileRecord {
  std::string name;  // rank-00000.safetensors
  int64_t bytes = 0;
  uint64_t header_checksum = 0;
};

/// A slice in a file: fp32, little-endian, contiguous.
struct PieceRecord {
  Box box;
  Interval flat;
  int64_t file = 0;    // index into Manifest::files
  int64_t offset = 0;  // bytes from the start of the file
  uint64_t checksum = 0;
};

struct TensorRecord {
  std::string name;
  Kind kind = Kind::weight;
  int64_t rows = 0;
  int64_t columns = 1;
  std::vector<PieceRecord> pieces;  // they tile the tensor: no hole, no overlap
};

struct Manifest {
  Snapshot snapshot;
  std::string time;  // UTC, ISO 8601
  std::vector<FileRecord> files;
  std::vector<TensorRecord> tensors;

  int64_t bytes() const;                                               // of all files
  const TensorRecord* find(std::string_view tensor, Kind kind) const;  // linear: index it to ask often
};

/// Why a manifest is refused; who reads the file adds its path.
struct BadManifest : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::string manifest_text(const Manifest& manifest);
/// Checks the checksum, the version, every number and check_coverage. Throws BadManifest.
Manifest parse_manifest(std::string_view text);

/// Every tensor of the model, three kinds of each, is tiled exactly once by its pieces. Throws BadManifest naming the first that is not.
/// Pieces tile a tensor when their distinct boxes do and the flat intervals of each box tile it.
void check_coverage(const Manifest& manifest);

/// "rank-00013.safetensors"
std::string rank_file_name(int64_t rank);
bool is_rank_file_name(std::string_view name);

}  // namespace llmrun
