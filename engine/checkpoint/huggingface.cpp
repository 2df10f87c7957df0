#include "engine/checkpoint/huggingface.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace llmrun {
namespace {

namespace fs = std::filesystem;
constexpr Exit kCode = Exit::preflight;
constexpr size_t kMostComplaints = 20;

std::vector<fs::path> indexed_files(const fs::path& directory, const fs::path& index) {
  const json document = read_json_file(index, kCode);
  const auto map = document.find("weight_map");
  if (!document.is_object() || map == document.end() || !map->is_object()) throw Error(kCode, "'{}' has no weight_map", index.string());
  std::set<fs::path> files;
  for (const auto& [tensor, file] : map->items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : file.dump();
    if (!file.is_string() || fs::path(name).filename() != name || !name.ends_with(".safetensors"))
      throw Error(kCode, "'{}' places '{}' in '{}', which is no safetensors file of this directory", index.string(), tensor, name);
    files.insert(directory / name);
  }
  return {files.begin(), files.end()};
}

std::vector<fs::path> weight_files(const fs::path& directory) {
  if (!fs::is_directory(directory))
    throw Error(kCode, "'{}' is not a directory", directory.string()).hint("model.from takes a Hugging Face directory");
  if (const fs::path index = directory / "model.safetensors.index.json"; fs::exists(index)) return indexed_files(directory, index);
  if (const fs::path single = directory / "model.safetensors"; fs::exists(single)) return {single};
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory))
    if (entry.path().extension() == ".safetensors") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  if (files.empty())
    throw Error(kCode, "'{}' holds no *.safetensors", directory.string())
        .hint("convert pickled weights first: model.save_pretrained(DIR, safe_serialization=True)");
  return files;
}

/// Not a parameter, or one this model does not read: no sign of another shape.
bool is_passed_over(const ModelShape& model, std::string_view name) {
  if (name == "lm_head.weight") return model.tie_embeddings;
  if (model.family == Family::gpt) return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias");
  return name.ends_with(".rotary_emb.inv_freq");
}

std::vector<int64_t> stored_shape(const TensorInfo& info) {
  if (info.vector) return {info.rows};
  return info.transposed ? std::vector{info.columns, info.rows} : std::vector{info.rows, info.columns};
}

std::string why_unfit(const TensorInfo& info, const StoredTensor& stored) {
  if (stored.shape != stored_shape(info))
    return fmt::format("has shape [{}] where the model needs [{}]", fmt::join(stored.shape, ", "), fmt::join(stored_shape(info), ", "));
  if (!is_loadable(stored.dtype)) return fmt::format("has dtype {}; F32, F16 and BF16 can be loaded", stored.dtype);
  return "";
}

/// Fills one destination from a tensor as it lies in its file: lines of `line_length` elements, one a row, or one a column where the file
/// holds the transposed matrix. Reads blocks of lines, only the part of each that the destination reaches.
class TensorReader {
 public:
  TensorReader(const SafetensorsFile& file, const StoredTensor& stored, bool transposed, const Piece& to)
      : file_(file), stored_(stored), transposed_(transposed), to_(to), width_(to.box.columns.size()) {
    rows_ = {to.box.rows.begin + to.flat.begin / width_, to.box.rows.begin + (to.flat.end - 1) / width_ + 1};
  }

  void run() {
    constexpr int64_t kBlockElements = int64_t{1} << 20;  // 4 MiB of fp32
    const Interval lines = transposed_ ? to_.box.columns : rows_;
    span_ = transposed_ ? rows_ : to_.box.columns;
    const int64_t block = std::max<int64_t>(1, kBlockElements / span_.size());
    for (int64_t line = lines.begin; line < lines.end; line += block) {
      const Interval some{line, std::min(line + block, lines.end)};
      read_lines(some);
      if (transposed_) {
        copy_rows(rows_, some, 1, span_.size());
      } else {
        copy_rows(some, to_.box.columns, span_.size(), 1);
      }
    }
  }

 private:
  /// values_: [lines, span_], fp32.
  void read_lines(Interval lines) {
    const int64_t length = transposed_ ? to_.rows : to_.columns, element = dtype_bytes(stored_.dtype);
    bytes_.resize(static_cast<size_t>(lines.size() * span_.size() * element));
    values_.resize(static_cast<size_t>(lines.size() * span_.size()));
    if (span_.size() == length) {
      file_.read(stored_.offset + lines.begin * length * element, static_cast<int64_t>(bytes_.size()), bytes_.data());
    } else {
      for (int64_t line = lines.begin; line < lines.end; ++line)
        file_.read(stored_.offset + (line * length + span_.begin) * element, span_.size() * element,
                   bytes_.data() + (line - lines.begin) * span_.size() * element);
    }
    to_fp32(stored_.dtype, bytes_.data(), static_cast<int64_t>(values_.size()), values_.data());
  }

  /// Copies what the destination holds of these rows and columns; element (row, column) of them lies at the two strides in values_.
  void copy_rows(Interval rows, Interval columns, int64_t row_stride, int64_t column_stride) {
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      const int64_t shift = (row - to_.box.rows.begin) * width_ - to_.box.columns.begin;  // column + shift: element of the box
      const Interval some{std::max(columns.begin, to_.flat.begin - shift), std::min(columns.end, to_.flat.end - shift)};
      for (int64_t column = some.begin; column < some.end; ++column)
        to_.data[column + shift - to_.flat.begin] =
            values_[static_cast<size_t>((row - rows.begin) * row_stride + (column - columns.begin) * column_stride)];
    }
  }

  const SafetensorsFile& file_;
  const StoredTensor& stored_;
  bool transposed_;
  const Piece& to_;
  int64_t width_;
  Interval rows_;  // that the flat interval reaches
  Interval span_;  // of each line
  std::vector<char> bytes_;
  std::vector<float> values_;
};

}  // namespace

std::vector<std::string> stored_names(const ModelShape& model, const std::string& name) {
  const std::string prefix = model.family == Family::gpt ? "transformer." : "model.";
  if (!name.starts_with(prefix)) return {name};
  return {name, name.substr(prefix.size())};
}

HuggingFaceSource::HuggingFaceSource(fs::path directory, const ModelShape& model) : directory_(std::move(directory)) {
  std::vector<Complaint> complaints;
  std::map<std::string, std::pair<const SafetensorsFile*, const StoredTensor*>> stored;
  for (const fs::path& path : weight_files(directory_)) files_.emplace_back(path, kCode);
  for (const SafetensorsFile& file : files_)
    for (const StoredTensor& tensor : file.header().tensors)
      if (const auto [there, fresh] = stored.emplace(tensor.name, std::pair(&file, &tensor)); !fresh)
        complaints.push_back(
            {fmt::format("tensor '{}' stands in '{}' and in '{}'", tensor.name, there->second.first->path().string(), file.path().string()),
             {},
             {},
             {}});
  for (const TensorInfo& info : model_tensors(model)) {
    const std::vector<std::string> names = stored_names(model, info.name);
    const auto name = std::find_if(names.begin(), names.end(), [&](const std::string& one) { return stored.contains(one); });
    if (name == names.end()) {
      complaints.push_back({fmt::format("tensor '{}' is missing in '{}'", info.name, directory_.string()), {}, {}, {}});
      continue;
    }
    const auto [file, tensor] = stored.at(*name);
    stored.erase(*name);
    if (const std::string why = why_unfit(info, *tensor); !why.empty())
      complaints.push_back({fmt::format("tensor '{}' of '{}' {}", *name, file->path().string(), why), {}, {}, {}});
    tensors_[info.name] = {info, file, tensor};
  }
  for (const auto& [name, place] : stored)
    if (!is_passed_over(model, name))
      complaints.push_back(
          {fmt::format("'{}' holds tensor '{}', which the model has no place for", place.first->path().string(), name), {}, {}, {}});
  if (complaints.empty()) return;
  if (const size_t more = complaints.size() - std::min(complaints.size(), kMostComplaints); more > 0) {
    complaints.resize(kMostComplaints);
    complaints.push_back({fmt::format("and {} more tensors of '{}' do not fit", more, directory_.string()), {}, {}, {}});
  }
  throw Error(kCode, std::move(complaints))
      .hint("compare the model section of the configuration with '{}'", (directory_ / "config.json").string());
}

void HuggingFaceSource::load(const std::vector<Piece>& destinations) const {
  for (const Piece& destination : destinations) {
    const auto found = tensors_.find(destination.tensor);
    if (destination.kind != Kind::weight || found == tensors_.end())
      throw Error(kCode, "'{}' has no {} of '{}'", directory_.string(), kind_name(destination.kind), destination.tensor);
    const auto& [info, file, stored] = found->second;
    const auto& [rows, columns] = destination.box;
    const bool inside = rows.begin >= 0 && rows.end <= info.rows && columns.begin >= 0 && columns.end <= info.columns &&
                        destination.flat.begin >= 0 && destination.flat.end <= destination.box.elements();
    if (destination.rows != info.rows || destination.columns != info.columns || !inside)
      throw Error(kCode, "'{}' has '{}' with shape [{}, {}], which does not hold {} of [{}, {}]", directory_.string(), info.name, info.rows,
                  info.columns, slice_name(destination), destination.rows, destination.columns);
    if (destination.flat.size() > 0) TensorReader(*file, *stored, info.transposed, destination).run();
  }
}

}  // namespace llmrun
