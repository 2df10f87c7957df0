#include "engine/checkpoint/reader.h"

#include <fmt/format.h>

#include <cstring>
#include <set>

#include "engine/checkpoint/checksum.h"
#include "engine/checkpoint/overlap.h"
#include "engine/checkpoint/safetensors.h"
#include "engine/core/file.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;
constexpr Exit kCode = Exit::no_checkpoint;

/// A run goes on from the checkpoint before; every other command is told how to.
template <typename... Args>
[[noreturn]] void refuse(const fs::path& directory, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(kCode, format, std::forward<Args>(args)...)
      .hint("llmrun checkpoint verify '{}' says which are whole; to go back to the one before: rm -r '{}'",
            directory.parent_path().parent_path().string(), directory.string());
}

Manifest read_manifest(const fs::path& directory) {
  const fs::path path = directory / "manifest.json";
  const std::string text = read_file(path, kCode);
  try {
    return parse_manifest(text);
  } catch (const BadManifest& bad) {
    refuse(directory, "'{}' is not usable: {}", path.string(), bad.what());
  }
}

/// Opens a file of the checkpoint and holds it to its record.
SafetensorsFile open_checked(const fs::path& directory, const FileRecord& record) {
  const fs::path path = directory / record.name;
  std::error_code failure;
  const auto bytes = static_cast<int64_t>(fs::file_size(path, failure));
  if (!failure && bytes != record.bytes)
    refuse(directory, "'{}' has {} bytes where manifest.json says {}", path.string(), bytes, record.bytes);
  SafetensorsFile file(path, kCode);
  if (file.header_checksum() != record.header_checksum)
    refuse(directory, "'{}' is not the file this checkpoint wrote: its header has checksum {} where manifest.json says {}", path.string(),
           checksum_text(file.header_checksum()), checksum_text(record.header_checksum));
  return file;
}

/// Reads pieces of one checkpoint, opening each file once.
class PieceFiles {
 public:
  PieceFiles(const fs::path& directory, const Manifest& manifest) : directory_(directory), manifest_(manifest) {}

  /// The values of a piece, valid until the next call. Throws unless they have their checksum.
  const float* read(const Slice& slice, const PieceRecord& piece) {
    const auto found = files_.find(piece.file);
    const SafetensorsFile& file =
        found != files_.end()
            ? found->second
            : files_.emplace(piece.file, open_checked(directory_, manifest_.files[static_cast<size_t>(piece.file)])).first->second;
    const int64_t bytes = piece.flat.size() * static_cast<int64_t>(sizeof(float));
    values_.resize(static_cast<size_t>(piece.flat.size()));
    file.read(piece.offset - file.header().data_begin, bytes, values_.data());
    const uint64_t checksum = xxh3(values_.data(), bytes);
    if (checksum != piece.checksum)
      refuse(directory_, "'{}' is damaged: {}, {} bytes from byte {}, has checksum {} where manifest.json says {}", file.path().string(),
             slice_name(slice), bytes, piece.offset, checksum_text(checksum), checksum_text(piece.checksum));
    return values_.data();
  }

 private:
  const fs::path& directory_;
  const Manifest& manifest_;
  std::map<int64_t, SafetensorsFile> files_;
  std::vector<float> values_;
};

Slice slice_of(const TensorRecord& record, const PieceRecord& piece) {
  return {record.name, record.kind, record.rows, record.columns, piece.box, piece.flat};
}

/// A stored piece and who wants some of it.
struct PlannedRead {
  Slice slice;
  const PieceRecord* piece = nullptr;
  std::vector<const Piece*> into;
};

int64_t shared_elements(const Slice& from, const Slice& to) {
  int64_t elements = 0;
  for_each_overlap(from, to, [&](int64_t, int64_t, int64_t count) { elements += count; });
  return elements;
}

void copy_shared(const Slice& from, const float* values, const Piece& to) {
  for_each_overlap(from, to, [&](int64_t source, int64_t target, int64_t count) {
    std::memcpy(to.data + target, values + source, static_cast<size_t>(count) * sizeof(float));
  });
}

}  // namespace

CheckpointReader::CheckpointReader(fs::path directory) : directory_(std::move(directory)), manifest_(read_manifest(directory_)) {
  for (const TensorRecord& record : manifest_.tensors) records_[{record.name, record.kind}] = &record;
}

void CheckpointReader::check_files() const {
  std::set<std::string> known;
  for (const FileRecord& record : manifest_.files) {
    open_checked(directory_, record);
    known.insert(record.name);
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(directory_)) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() == ".safetensors" && !known.contains(name))
      throw Error(kCode, "'{}' does not belong to this checkpoint: manifest.json has {} files and not this one", entry.path().string(),
                  known.size())
          .hint("move it away: mv '{}' /tmp", entry.path().string());
  }
}

const TensorRecord& CheckpointReader::record_for(const Slice& slice) const {
  const auto found = records_.find({slice.tensor, slice.kind});
  if (found == records_.end())
    throw Error(kCode, "checkpoint '{}' has no {} of '{}'", directory_.string(), kind_name(slice.kind), slice.tensor);
  const TensorRecord& record = *found->second;
  if (record.rows != slice.rows || record.columns != slice.columns)
    throw Error(kCode, "checkpoint '{}' has '{}' with shape [{}, {}], this model needs [{}, {}]", directory_.string(), slice.tensor,
                record.rows, record.columns, slice.rows, slice.columns);
  return record;
}

void CheckpointReader::load(const std::vector<Piece>& destinations) const {
  std::map<std::pair<int64_t, int64_t>, PlannedRead> reads;  // by file and offset: each file is read forward
  for (const Piece& destination : destinations) {
    const TensorRecord& record = record_for(destination);
    int64_t found = 0;
    for (const PieceRecord& piece : record.pieces) {
      const Slice slice = slice_of(record, piece);
      const int64_t shared = shared_elements(slice, destination);
      if (shared == 0) continue;
      found += shared;
      PlannedRead& read = reads[{piece.file, piece.offset}];
      read.slice = slice;
      read.piece = &piece;
      read.into.push_back(&destination);
    }
    if (found != destination.flat.size())
      throw Error(kCode, "checkpoint '{}' has {} of the {} elements of {}", directory_.string(), found, destination.flat.size(),
                  slice_name(destination));
  }
  PieceFiles files(directory_, manifest_);
  for (const auto& [place, read] : reads) {
    const float* values = files.read(read.slice, *read.piece);
    for (const Piece* destination : read.into) copy_shared(read.slice, values, *destination);
  }
}

void CheckpointReader::verify(const std::function<void(int64_t, int64_t)>& progress) const {
  check_files();
  PieceFiles files(directory_, manifest_);
  std::map<std::pair<int64_t, int64_t>, std::pair<const TensorRecord*, const PieceRecord*>> pieces;
  int64_t done = 0, total = 0;
  for (const TensorRecord& record : manifest_.tensors) {
    for (const PieceRecord& piece : record.pieces) {
      pieces[{piece.file, piece.offset}] = {&record, &piece};
      total += piece.flat.size() * static_cast<int64_t>(sizeof(float));
    }
  }
  for (const auto& [place, what] : pieces) {
    const auto& [record, piece] = what;
    files.read(slice_of(*record, *piece), *piece);
    done += piece->flat.size() * static_cast<int64_t>(sizeof(float));
    progress(done, total);
  }
}

}  // namespace llmrun
