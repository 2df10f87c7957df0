#include "tests/engine/checkpoint/faulty_storage.h"

#include <algorithm>
#include <fstream>

#include "engine/core/file.h"

namespace llmrun {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail(const fs::path& path) {
  throw fs::filesystem_error("injected", path, std::make_error_code(std::errc::no_space_on_device));
}

}  // namespace

class FaultyFile : public OutputFile {
 public:
  FaultyFile(FaultyStorage& storage, fs::path path) : storage_(storage), path_(std::move(path)), file_(disk().create(path_)) {}
  void write(const void* bytes, int64_t size) override {
    const bool failing = storage_.failing();
    file_->write(bytes, failing ? size / 2 : size);
    if (failing) fail(path_);
  }
  void sync() override {
    storage_.count(path_);
    const std::lock_guard lock(storage_.mutex_);
    storage_.unsynced_.erase(path_);
  }
  void close() override {
    storage_.count(path_);
    file_->close();
  }

 private:
  FaultyStorage& storage_;
  fs::path path_;
  std::unique_ptr<OutputFile> file_;
};

bool FaultyStorage::failing() {
  const std::lock_guard lock(mutex_);
  const int operation = next_++;
  const bool failing = fault_ == Fault::error ? operation == at_ : operation >= at_;
  happened_ = happened_ || failing;
  return failing;
}

void FaultyStorage::count(const fs::path& path) {
  if (failing()) fail(path);
}

std::unique_ptr<OutputFile> FaultyStorage::create(const fs::path& path) {
  count(path);
  const std::lock_guard lock(mutex_);
  unsynced_.insert(path);
  return std::make_unique<FaultyFile>(*this, path);
}

void FaultyStorage::make_directory(const fs::path& path) {
  count(path);
  disk().make_directory(path);
}

void FaultyStorage::rename(const fs::path& from, const fs::path& to) {
  count(from);
  const std::lock_guard lock(mutex_);
  const bool replaces = fs::is_regular_file(to);
  renames_.push_back({from, to, replaces ? read_file(to) : "", replaces});
  disk().rename(from, to);
}

void FaultyStorage::sync_directory(const fs::path& path) {
  count(path);
  const std::lock_guard lock(mutex_);
  std::erase_if(renames_, [&](const Rename& one) { return one.to.parent_path() == path; });
}

void FaultyStorage::remove(const fs::path& path) {
  count(path);
  disk().remove(path);
}

void FaultyStorage::cut_power() {
  for (const fs::path& path : unsynced_)
    if (fs::exists(path)) fs::resize_file(path, 0);
  std::reverse(renames_.begin(), renames_.end());
  for (const Rename& one : renames_) {
    if (!fs::exists(one.to)) continue;
    fs::rename(one.to, one.from);
    if (one.replaces) std::ofstream(one.to) << one.replaced;
  }
}

}  // namespace llmrun
