#include "engine/checkpoint/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "engine/checkpoint/checksum.h"

namespace llmrun {
namespace {

constexpr std::string_view kFormat = "llmrun checkpoint";
constexpr std::string_view kLastMember = ",\n\"xxh3\": \"";  // then 16 digits and kEnd
constexpr std::string_view kEnd = "\"\n}\n";

std::string join_lines(const std::vector<std::string>& lines) { return fmt::format("[\n{}\n]", fmt::join(lines, ",\n")); }

std::string file_line(const FileRecord& file) {
  return fmt::format(R"({{"name": {}, "bytes": {}, "header_xxh3": "{}"}})", json(file.name).dump(), file.bytes,
                     checksum_text(file.header_checksum));
}

std::string piece_line(const PieceRecord& piece) {
  const auto& [rows, columns] = piece.box;
  return fmt::format(R"({{"box": [{}, {}, {}, {}], "flat": [{}, {}], "file": {}, "offset": {}, "xxh3": "{}"}})", rows.begin, rows.end,
                     columns.begin, columns.end, piece.flat.begin, piece.flat.end, piece.file, piece.offset, checksum_text(piece.checksum));
}

std::string tensor_lines(const TensorRecord& tensor) {
  std::vector<std::string> pieces;
  for (const PieceRecord& piece : tensor.pieces) pieces.push_back(piece_line(piece));
  return fmt::format(R"({{"name": {}, "kind": "{}", "shape": [{}, {}], "dtype": "F32", "pieces": {}}})", json(tensor.name).dump(),
                     kind_name(tensor.kind), tensor.rows, tensor.columns, join_lines(pieces));
}

template <typename Record, typename Line>
std::string list(const std::vector<Record>& records, Line line) {
  std::vector<std::string> lines;
  for (const Record& record : records) lines.push_back(line(record));
  return join_lines(lines);
}

[[noreturn]] void reject(std::string reason) { throw BadManifest(std::move(reason)); }

/// The text before the last member, whose checksum that member is.
std::string_view checked_body(std::string_view text) {
  const size_t tail = kLastMember.size() + 16 + kEnd.size();
  if (text.size() < tail) reject(fmt::format("it has {} bytes, fewer than any manifest", text.size()));
  const std::string_view body = text.substr(0, text.size() - tail), last = text.substr(body.size());
  const auto checksum = parse_checksum(last.substr(kLastMember.size(), 16));
  if (!last.starts_with(kLastMember) || !last.ends_with(kEnd) || !checksum)
    reject("it does not end with its checksum: it is cut or damaged");
  if (xxh3(body) != *checksum)
    reject(fmt::format("its text has checksum {}, its last line says {}", checksum_text(xxh3(body)), checksum_text(*checksum)));
  return body;
}

uint64_t checksum_of(const json& from, const char* key) {
  const auto checksum = parse_checksum(from.at(key).get_ref<const std::string&>());
  if (!checksum) reject(fmt::format("{} is no checksum", from.at(key).dump()));
  return *checksum;
}

FileRecord file_from(const json& from) {
  FileRecord file{from.at("name"), whole_number(from.at("bytes")), checksum_of(from, "header_xxh3")};
  if (!is_rank_file_name(file.name)) reject(fmt::format("it names the file '{}'", file.name));
  if (file.bytes < 0) reject(fmt::format("it gives '{}' {} bytes", file.name, file.bytes));
  return file;
}

Interval interval_from(const json& list, size_t at) { return {whole_number(list.at(at)), whole_number(list.at(at + 1))}; }

PieceRecord piece_from(const json& from, const std::vector<FileRecord>& files) {
  PieceRecord piece{{interval_from(from.at("box"), 0), interval_from(from.at("box"), 2)},
                    interval_from(from.at("flat"), 0),
                    whole_number(from.at("file")),
                    whole_number(from.at("offset")),
                    checksum_of(from, "xxh3")};
  if (piece.file < 0 || piece.file >= static_cast<int64_t>(files.size()))
    reject(fmt::format("it speaks of file {} of {}", piece.file, files.size()));
  const int64_t bytes = files[static_cast<size_t>(piece.file)].bytes;
  if (piece.flat.begin < 0 || piece.flat.end < piece.flat.begin || piece.offset < 8 || piece.offset > bytes ||
      piece.flat.size() > (bytes - piece.offset) / 4)
    reject(fmt::format("a piece at byte {} runs out of '{}'", piece.offset, files[static_cast<size_t>(piece.file)].name));
  return piece;
}

TensorRecord tensor_from(const json& from, const std::vector<FileRecord>& files) {
  TensorRecord tensor{from.at("name"), Kind::weight, whole_number(from.at("shape").at(0)), whole_number(from.at("shape").at(1)), {}};
  const auto& kind = from.at("kind").get_ref<const std::string&>();
  const auto found = std::find_if(kKinds.begin(), kKinds.end(), [&](Kind candidate) { return kind_name(candidate) == kind; });
  if (found == kKinds.end() || from.at("dtype") != "F32")
    reject(fmt::format("'{}' has kind '{}' and dtype {}", tensor.name, kind, from.at("dtype").dump()));
  tensor.kind = *found;
  for (const json& piece : from.at("pieces")) tensor.pieces.push_back(piece_from(piece, files));
  return tensor;
}

void check_total(const std::vector<FileRecord>& files) {
  int64_t total = 0;
  for (const FileRecord& file : files)
    if (__builtin_add_overflow(total, file.bytes, &total)) reject("its files take more than 2^63 bytes");
}

LossScale loss_scale_from(const json& from, int64_t steps) {
  const json& scale = from.at("scale");
  LossScale loss_scale{scale.is_null() ? std::nullopt : std::optional(scale.get<double>()), whole_number(from.at("good_steps")),
                       whole_number(from.at("skipped_steps"))};
  if ((loss_scale.scale && !(*loss_scale.scale > 0)) || loss_scale.good_steps < 0 || loss_scale.skipped_steps < 0 ||
      loss_scale.skipped_steps > steps)
    reject(fmt::format("its loss scale is {}", from.dump()));
  return loss_scale;
}

json loss_scale_json(const LossScale& of) {
  return {{"scale", of.scale ? json(*of.scale) : json(nullptr)}, {"good_steps", of.good_steps}, {"skipped_steps", of.skipped_steps}};
}

Manifest manifest_from(const json& from) {
  if (from.value("format", "") != kFormat) reject("it is not an llmrun manifest");
  const int64_t version = whole_number(from.at("version"));
  if (version != kManifestVersion) reject(fmt::format("it has version {}, this llmrun reads version {}", version, kManifestVersion));
  Manifest manifest;
  manifest.snapshot = {whole_number(from.at("step")),       whole_number(from.at("samples")),  from.at("seed").get_ref<const uint64_t&>(),
                       layout_from_json(from.at("layout")), model_from_json(from.at("model")), from.at("config")};
  if (from.contains("loss_scale")) manifest.snapshot.loss_scale = loss_scale_from(from.at("loss_scale"), manifest.snapshot.step);
  const int64_t all = manifest.snapshot.samples * from.at("config").value(json::json_pointer("/train/seq_len"), int64_t{0});
  manifest.snapshot.tokens = from.contains("tokens") ? whole_number(from.at("tokens")) : all;  // older ones did not say
  manifest.time = from.at("time");
  for (const json& file : from.at("files")) manifest.files.push_back(file_from(file));
  check_total(manifest.files);
  for (const json& tensor : from.at("tensors")) manifest.tensors.push_back(tensor_from(tensor, manifest.files));
  check_coverage(manifest);
  return manifest;
}

}  // namespace

int64_t Manifest::bytes() const {
  return std::accumulate(files.begin(), files.end(), int64_t{0}, [](int64_t sum, const FileRecord& file) { return sum + file.bytes; });
}

const TensorRecord* Manifest::find(std::string_view tensor, Kind kind) const {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const TensorRecord& record) { return record.kind == kind && record.name == tensor; });
  return found == tensors.end() ? nullptr : &*found;
}

std::string manifest_text(const Manifest& manifest) {
  const Snapshot& snapshot = manifest.snapshot;
  const std::string config = snapshot.config.dump();
  std::string text = fmt::format(
      "{{\n\"format\": \"{}\",\n\"version\": {},\n\"step\": {},\n\"samples\": {},\n\"tokens\": {},\n\"seed\": {},\n\"time\": {},\n",
      kFormat, kManifestVersion, snapshot.step, snapshot.samples, snapshot.tokens, snapshot.seed, json(manifest.time).dump());
  if (snapshot.loss_scale != LossScale{}) text += fmt::format("\"loss_scale\": {},\n", loss_scale_json(snapshot.loss_scale).dump());
  text += fmt::format("\"layout\": {},\n\"model\": {},\n\"config\": {},\n\"config_xxh3\": \"{}\",\n", layout_json(snapshot.layout).dump(),
                      model_json(snapshot.model).dump(), config, checksum_text(xxh3(config)));
  text += fmt::format("\"files\": {},\n\"tensors\": {}", list(manifest.files, file_line), list(manifest.tensors, tensor_lines));
  const std::string checksum = checksum_text(xxh3(text));
  return text.append(kLastMember).append(checksum).append(kEnd);
}

Manifest parse_manifest(std::string_view text) {
  checked_body(text);
  try {
    return manifest_from(parse_json(text));
  } catch (const json::exception& malformed) {
    reject(fmt::format("it is malformed: {}", malformed.what()));
  } catch (const std::invalid_argument& malformed) {
    reject(fmt::format("it is malformed: {}", malformed.what()));
  }
}

std::string rank_file_name(int64_t rank) { return fmt::format("rank-{:05}.safetensors", rank); }

bool is_rank_file_name(std::string_view name) {
  constexpr std::string_view kBegin = "rank-", kSuffix = ".safetensors";
  if (!name.starts_with(kBegin) || !name.ends_with(kSuffix) || name.size() < kBegin.size() + 5 + kSuffix.size()) return false;
  const std::string_view digits = name.substr(kBegin.size(), name.size() - kBegin.size() - kSuffix.size());
  return digits.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace llmrun
