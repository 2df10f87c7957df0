#pragma once
#include <filesystem>
#include <vector>

#include "engine/checkpoint/manifest.h"
#include "engine/checkpoint/storage.h"

namespace llmrun {

// One rank's part of a checkpoint: a safetensors file of one-dimensional F32 tensors named as slice_name says, whose metadata hold the
// step, the rank, the number of ranks, and the XXH3 of every tensor's bytes.

/// Pieces as they go into the file: none empty, none longer than `piece_elements`.
std::vector<Piece> cut_for_file(const std::vector<Piece>& pieces, int64_t piece_elements);

/// Bytes of the file these pieces make.
struct RankFile {
  std::string header;
  int64_t bytes = 0;
};
/// Hashes every piece. REQUIRES pieces from cut_for_file.
RankFile plan_rank_file(const std::vector<Piece>& pieces, int64_t step, int rank, int ranks);
/// Writes, syncs and closes. Throws std::filesystem::filesystem_error.
void write_rank_file(const std::filesystem::path& path, const RankFile& file, const std::vector<Piece>& pieces, Storage& storage);

/// What stands in the files of all ranks, from their headers alone. Throws Error(Exit::failed) naming a file that is missing, cut, or of
/// another save.
Manifest collect_manifest(const std::filesystem::path& directory, const Snapshot& snapshot, int ranks);

}  // namespace llmrun
