#include "engine/checkpoint/export.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "engine/checkpoint/huggingface.h"
#include "engine/checkpoint/safetensors.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

/// A file of the export and the tensors in it, offsets set.
struct PlannedFile {
  std::string name;
  std::vector<TensorInfo> tensors;
  std::vector<StoredTensor> stored;
  int64_t bytes = 0;  // of tensors
};

StoredTensor stored_form(const TensorInfo& tensor, ExportDtype dtype, int64_t offset) {
  const std::string word = dtype == ExportDtype::fp32 ? "F32" : "BF16";
  std::vector<int64_t> shape{tensor.rows};
  if (!tensor.vector) shape = tensor.transposed ? std::vector{tensor.columns, tensor.rows} : std::vector{tensor.rows, tensor.columns};
  return {tensor.name, word, shape, offset, tensor.elements() * dtype_bytes(word)};
}

/// Tensors in the order of their names, as Hugging Face writes them; a file is closed when the next tensor would take it over the limit.
std::vector<PlannedFile> plan_files(const ModelShape& model, const ExportOptions& options) {
  std::vector<TensorInfo> tensors = model_tensors(model);
  std::sort(tensors.begin(), tensors.end(), [](const TensorInfo& a, const TensorInfo& b) { return a.name < b.name; });
  std::vector<PlannedFile> files(1);
  for (TensorInfo& tensor : tensors) {
    const int64_t bytes = stored_form(tensor, options.dtype, 0).bytes;
    if (files.back().bytes > 0 && files.back().bytes + bytes > options.file_bytes) files.emplace_back();
    PlannedFile& file = files.back();
    file.stored.push_back(stored_form(tensor, options.dtype, file.bytes));
    file.tensors.push_back(std::move(tensor));
    file.bytes += bytes;
  }
  for (size_t i = 0; i < files.size(); ++i)
    files[i].name = files.size() == 1 ? "model.safetensors" : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, files.size());
  return files;
}

/// [rows, columns] to [columns, rows], in squares that stay in the cache.
std::vector<float> transposed(const std::vector<float>& from, int64_t rows, int64_t columns) {
  constexpr int64_t kSquare = 64;
  std::vector<float> to(from.size());
  for (int64_t row0 = 0; row0 < rows; row0 += kSquare)
    for (int64_t column0 = 0; column0 < columns; column0 += kSquare)
      for (int64_t row = row0; row < std::min(row0 + kSquare, rows); ++row)
        for (int64_t column = column0; column < std::min(column0 + kSquare, columns); ++column)
          to[static_cast<size_t>(column * rows + row)] = from[static_cast<size_t>(row * columns + column)];
  return to;
}

std::vector<float> stored_values(const CheckpointReader& from, const TensorInfo& tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.elements()));
  const Box whole{{0, tensor.rows}, {0, tensor.columns}};
  from.load({{{tensor.name, Kind::weight, tensor.rows, tensor.columns, whole, {0, tensor.elements()}}, values.data()}});
  return tensor.transposed ? transposed(values, tensor.rows, tensor.columns) : values;
}

std::string index_text(const std::vector<PlannedFile>& files, int64_t bytes) {
  json index{{"metadata", {{"total_size", bytes}}}, {"weight_map", json::object()}};
  for (const PlannedFile& file : files)
    for (const TensorInfo& tensor : file.tensors) index["weight_map"][tensor.name] = file.name;
  return index.dump(2) + "\n";
}

class Export {
 public:
  Export(const CheckpointReader& from, fs::path directory, const ExportOptions& options,
         const std::function<void(int64_t, int64_t)>& progress, Storage& storage)
      : from_(from), directory_(std::move(directory)), options_(options), progress_(progress), storage_(storage) {}

  ExportReport write() {
    const ModelShape& model = from_.snapshot().model;
    const json config = huggingface_config(model, options_.dtype == ExportDtype::fp32 ? "float32" : "bfloat16");
    const std::vector<PlannedFile> files = plan_files(model, options_);
    report_.files = static_cast<int64_t>(files.size());
    report_.parameters = parameter_count(model);
    for (const PlannedFile& file : files) report_.bytes += file.bytes;
    storage_.make_directory(directory_);
    for (const PlannedFile& file : files) write_weights(file);
    if (files.size() > 1) write_text("model.safetensors.index.json", index_text(files, report_.bytes));
    write_text("config.json", config.dump(2) + "\n");
    storage_.sync_directory(directory_);
    return report_;
  }

 private:
  void write_weights(const PlannedFile& file) {
    const std::unique_ptr<OutputFile> output = storage_.create(directory_ / file.name);
    const std::string header = safetensors_header(file.stored, {{"format", "pt"}});
    output->write(header.data(), static_cast<int64_t>(header.size()));
    for (size_t i = 0; i < file.tensors.size(); ++i) {
      write_values(*output, stored_values(from_, file.tensors[i]));
      ++report_.tensors;
      done_ += file.stored[i].bytes;
      progress_(done_, report_.bytes);
    }
    output->sync();
    output->close();
  }

  void write_values(OutputFile& output, const std::vector<float>& values) const {
    if (options_.dtype == ExportDtype::fp32) {
      output.write(values.data(), static_cast<int64_t>(values.size() * sizeof(float)));
      return;
    }
    std::vector<uint16_t> rounded(values.size());
    std::transform(values.begin(), values.end(), rounded.begin(), to_bf16);
    output.write(rounded.data(), static_cast<int64_t>(rounded.size() * sizeof(uint16_t)));
  }

  void write_text(const char* name, const std::string& text) {
    const std::unique_ptr<OutputFile> output = storage_.create(directory_ / name);
    output->write(text.data(), static_cast<int64_t>(text.size()));
    output->sync();
    output->close();
  }

  const CheckpointReader& from_;
  fs::path directory_;
  const ExportOptions& options_;
  const std::function<void(int64_t, int64_t)>& progress_;
  Storage& storage_;
  ExportReport report_;
  int64_t done_ = 0;
};

void require_free(const fs::path& to) {
  std::error_code absent;
  const fs::file_status status = fs::status(to, absent);
  if (!fs::exists(status)) return;
  if (!fs::is_directory(status))
    throw Error(Exit::usage, "cannot export to '{}': it is not a directory", to.string())
        .hint("name a new directory: --to '{}-2'", to.string());
  if (!fs::is_empty(to))
    throw Error(Exit::usage, "cannot export to '{}': it is not empty", to.string()).hint("name a new directory: --to '{}-2'", to.string());
}

}  // namespace

ExportReport export_huggingface(const CheckpointReader& from, const fs::path& to, const ExportOptions& options,
                                const std::function<void(int64_t, int64_t)>& progress, Storage& storage) {
  if (to.empty()) throw Error(Exit::usage, "cannot export to '': it has no name").hint("name a new directory: --to my-model");
  fs::path target = fs::absolute(to).lexically_normal();
  if (target.filename().empty()) target = target.parent_path();  // "DIR/"
  require_free(target);
  const fs::path temporary = target.parent_path() / fmt::format(".{}.tmp-{}", target.filename().string(), ::getpid());
  try {
    const ExportReport report = Export(from, temporary, options, progress, storage).write();
    storage.rename(temporary, target);
    storage.sync_directory(target.parent_path());
    return report;
  } catch (const fs::filesystem_error& failure) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw Error(Exit::failed, "cannot export to '{}': '{}': {}", target.string(), failure.path1().string(), failure.code().message())
        .hint("df -h '{0}'; ls -ld '{0}'", target.parent_path().string());
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw;
  }
}

}  // namespace llmrun
