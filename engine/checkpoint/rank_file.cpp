#include "engine/checkpoint/rank_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/checkpoint/checksum.h"
#include "engine/checkpoint/safetensors.h"

namespace llmrun {
namespace {

constexpr int64_t kFloat = sizeof(float);

/// "3 of 8 at step 1000": says at once when a file is from another save.
std::string identity(int64_t step, int64_t rank, int64_t ranks) { return fmt::format("rank {} of {} at step {}", rank, ranks, step); }

using Records = std::map<std::pair<std::string, Kind>, TensorRecord>;

Records empty_records(const ModelShape& model) {
  Records records;
  for (const TensorInfo& tensor : model_tensors(model))
    for (const Kind kind : kKinds) records[{tensor.name, kind}] = {tensor.name, kind, tensor.rows, tensor.columns, {}};
  return records;
}

void collect_pieces(const SafetensorsFile& file, int64_t index, Records& records) {
  for (const StoredTensor& stored : file.header().tensors) {
    const auto slice = parse_slice_name(stored.name);
    const auto checksum_word = file.header().metadata.find(stored.name);
    const auto checksum = checksum_word == file.header().metadata.end() ? std::nullopt : parse_checksum(checksum_word->second);
    if (!slice || !checksum || stored.dtype != "F32" || stored.elements() != slice->flat.size())
      throw Error(Exit::failed, "'{}' holds '{}', which is no piece of a checkpoint", file.path().string(), stored.name);
    const auto record = records.find({slice->tensor, slice->kind});
    if (record == records.end())
      throw Error(Exit::failed, "'{}' holds '{}', a tensor the model does not have", file.path().string(), stored.name);
    record->second.pieces.push_back({slice->box, slice->flat, index, file.header().data_begin + stored.offset, *checksum});
  }
}

}  // namespace

std::vector<Piece> cut_for_file(const std::vector<Piece>& pieces, int64_t piece_elements) {
  std::vector<Piece> cut;
  for (const Piece& piece : pieces) {
    for (int64_t begin = piece.flat.begin; begin < piece.flat.end; begin += piece_elements) {
      Piece part = piece;
      part.flat = {begin, std::min(begin + piece_elements, piece.flat.end)};
      part.data = piece.data + (begin - piece.flat.begin);
      cut.push_back(std::move(part));
    }
  }
  return cut;
}

RankFile plan_rank_file(const std::vector<Piece>& pieces, int64_t step, int rank, int ranks) {
  std::vector<StoredTensor> tensors;
  std::map<std::string, std::string> metadata{{"llmrun", identity(step, rank, ranks)}};
  int64_t offset = 0;
  for (const Piece& piece : pieces) {
    const int64_t elements = piece.flat.size(), bytes = elements * kFloat;
    tensors.push_back({slice_name(piece), "F32", {elements}, offset, bytes});
    metadata[tensors.back().name] = checksum_text(xxh3(piece.data, bytes));
    offset += bytes;
  }
  std::string header = safetensors_header(tensors, metadata);
  const auto header_bytes = static_cast<int64_t>(header.size());
  return {std::move(header), header_bytes + offset};
}

void write_rank_file(const std::filesystem::path& path, const RankFile& file, const std::vector<Piece>& pieces, Storage& storage) {
  const std::unique_ptr<OutputFile> output = storage.create(path);
  output->write(file.header.data(), static_cast<int64_t>(file.header.size()));
  for (const Piece& piece : pieces) output->write(piece.data, piece.flat.size() * kFloat);
  output->sync();
  output->close();
}

Manifest collect_manifest(const std::filesystem::path& directory, const Snapshot& snapshot, int ranks) {
  Manifest manifest;
  manifest.snapshot = snapshot;
  Records records = empty_records(snapshot.model);
  for (int rank = 0; rank < ranks; ++rank) {
    const SafetensorsFile file(directory / rank_file_name(rank), Exit::failed);
    const auto found = file.header().metadata.find("llmrun");
    const std::string is = found == file.header().metadata.end() ? "of unknown origin" : found->second;
    if (const std::string wanted = identity(snapshot.step, rank, ranks); is != wanted)
      throw Error(Exit::failed, "'{}' should be {} and is {}", file.path().string(), wanted, is);
    manifest.files.push_back({rank_file_name(rank), file.bytes(), file.header_checksum()});
    collect_pieces(file, rank, records);
  }
  for (const TensorInfo& tensor : model_tensors(snapshot.model))
    for (const Kind kind : kKinds) manifest.tensors.push_back(std::move(records[{tensor.name, kind}]));
  return manifest;
}

}  // namespace llmrun
