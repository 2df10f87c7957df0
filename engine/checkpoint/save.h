#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "engine/checkpoint/piece.h"
#include "engine/checkpoint/snapshot.h"
#include "engine/checkpoint/storage.h"

namespace llmrun {

/// The ranks that save together.
struct SaveGroup {
  int rank = 0;
  int ranks = 1;
  /// True on every rank when every rank passed true: an all-reduce, and so a barrier too.
  std::function<bool(bool ok)> agree = [](bool ok) { return ok; };
};

struct SaveOptions {
  int64_t keep = 3;  // complete checkpoints, this one among them; REQUIRES >= 1
  /// A longer piece is written as several, each with its own checksum: so much is read to get one element, and so much memory is needed for
  /// it.
  int64_t piece_elements = int64_t{1} << 24;  // 64 MiB
};

struct SaveReport {
  std::filesystem::path directory;  // checkpoints/step-NNNNNNNN
  int64_t bytes = 0;                // of this rank's file
  std::vector<std::string> notes;   // rank 0: old checkpoints that could not be removed, and others set aside
};

/// Writes checkpoints/step-NNNNNNNN. Called by every rank of the group at the same step with the pieces it owns (unit_pieces); together
/// they must hold every element of every tensor of snapshot.model once, in all three kinds. Each rank writes and syncs one file into a
/// directory with a temporary name; rank 0 then reads all headers, writes the manifest, and makes the checkpoint appear by one rename.
/// `latest` follows.
///
/// Stopped or failing anywhere, it leaves the previous checkpoint as it was and no directory that could pass for a checkpoint. A failure of
/// one rank is an Error(Exit::failed) on all: its own on that rank, "another rank" on the others. Data are only read; they must not change
/// meanwhile.
///
/// One history a run: checkpoints of this step or later, left by an earlier history (a resume from further back), are renamed to
/// aside-step-NNNNNNNN.
SaveReport save_checkpoint(const std::filesystem::path& checkpoints, const Snapshot& snapshot, const std::vector<Piece>& pieces,
                           const SaveGroup& group, const SaveOptions& options = {}, Storage& storage = disk());

}  // namespace llmrun
