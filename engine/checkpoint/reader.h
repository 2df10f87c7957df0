#pragma once
#include <filesystem>
#include <functional>
#include <map>

#include "engine/checkpoint/manifest.h"

namespace llmrun {

/// A complete checkpoint, open for reading. It may have been written by any layout and is read by any other: each destination takes what it
/// shares with the stored pieces. All failures are Error(Exit::no_checkpoint) that name the file. Threads may share one.
class CheckpointReader : public WeightSource {
 public:
  /// Reads and checks manifest.json alone, so that opening is cheap on every rank.
  explicit CheckpointReader(std::filesystem::path directory);

  const std::filesystem::path& directory() const { return directory_; }
  const Manifest& manifest() const { return manifest_; }
  const Snapshot& snapshot() const { return manifest_.snapshot; }

  /// Every file is there with the size and the header the manifest knows, and no rank file is there that it does not know. Reads headers
  /// only.
  void check_files() const;

  /// Reads each stored piece that a destination shares, once, and checks it before a byte of it is copied. Opens only those files.
  void load(const std::vector<Piece>& destinations) const override;

  /// check_files(), then every checksum of every piece. `progress` hears of the bytes checked so far; it may throw to stop.
  void verify(const std::function<void(int64_t done, int64_t total)>& progress) const;

 private:
  const TensorRecord& record_for(const Slice& slice) const;

  std::filesystem::path directory_;
  Manifest manifest_;
  std::map<std::pair<std::string_view, Kind>, const TensorRecord*> records_;  // into manifest_
};

}  // namespace llmrun
