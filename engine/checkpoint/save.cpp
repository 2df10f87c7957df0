#include "engine/checkpoint/save.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <exception>

#include "engine/checkpoint/directory.h"
#include "engine/checkpoint/manifest.h"
#include "engine/checkpoint/rank_file.h"
#include "engine/core/units.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTemporary = ".tmp-";

/// One save on one rank. The steps run in the order of the member functions; every rank runs each, and none goes on unless all could.
class Save {
 public:
  Save(const fs::path& checkpoints, const Snapshot& snapshot, const SaveGroup& group, const SaveOptions& options, Storage& storage)
      : checkpoints_(checkpoints),
        temporary_(checkpoints / (kTemporary + step_directory_name(snapshot.step))),
        final_(checkpoints / step_directory_name(snapshot.step)),
        snapshot_(snapshot),
        group_(group),
        options_(options),
        storage_(storage) {}

  SaveReport run(const std::vector<Piece>& pieces) {
    report_.directory = final_;
    together([&] {
      if (group_.rank == 0) prepare();
    });
    together([&] { write_part(pieces); });
    together([&] {
      if (group_.rank == 0) publish();
    });
    if (group_.rank == 0) remove_old();
    return std::move(report_);
  }

 private:
  template <typename Action>
  void together(Action action) {
    std::exception_ptr failure;
    try {
      action();
    } catch (...) {
      failure = std::current_exception();
    }
    if (group_.agree(!failure)) return;
    if (group_.rank == 0) give_up();
    if (failure) rethrow(failure);
    throw Error(Exit::failed, "cannot save step {}: another rank could not write its part", snapshot_.step).of_another_rank();
  }

  /// Removes what stopped saves have left, and makes room for this one.
  void prepare() {
    storage_.make_directory(checkpoints_);
    std::vector<fs::path> stale;
    for (const fs::directory_entry& entry : fs::directory_iterator(checkpoints_))
      if (entry.path().filename().string().starts_with(kTemporary)) stale.push_back(entry.path());
    for (const fs::path& path : stale) storage_.remove(path);
    storage_.make_directory(temporary_);
  }

  void write_part(const std::vector<Piece>& pieces) {
    const std::vector<Piece> cut = cut_for_file(pieces, options_.piece_elements);
    const RankFile file = plan_rank_file(cut, snapshot_.step, group_.rank, group_.ranks);
    report_.bytes = file.bytes;
    write_rank_file(temporary_ / rank_file_name(group_.rank), file, cut, storage_);
  }

  void publish() {
    Manifest manifest = collect_manifest(temporary_, snapshot_, group_.ranks);
    manifest.time = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
    try {
      check_coverage(manifest);
    } catch (const BadManifest& bad) {
      throw Error(Exit::failed, "cannot save step {}: what the ranks wrote is not the whole model: {}", snapshot_.step, bad.what());
    }
    write_file(temporary_ / "manifest.json", manifest_text(manifest));
    storage_.sync_directory(temporary_);
    set_aside();
    try {
      storage_.rename(temporary_, final_);
    } catch (...) {
      for (const auto& [from, to] : aside_) storage_.rename(to, from);
      throw;
    }
    storage_.sync_directory(checkpoints_);
    write_file(checkpoints_ / ".tmp-latest", final_.filename().string() + "\n");
    storage_.rename(checkpoints_ / ".tmp-latest", checkpoints_ / "latest");
    storage_.sync_directory(checkpoints_);
  }

  /// Makes this the newest step of the run.
  void set_aside() {
    for (const int64_t step : steps_in(checkpoints_)) {
      if (step < snapshot_.step) break;
      const fs::path from = checkpoints_ / step_directory_name(step), to = checkpoints_ / ("aside-" + step_directory_name(step));
      storage_.remove(to);
      storage_.rename(from, to);
      aside_.emplace_back(from, to);
    }
  }

  /// The checkpoint stands: whatever fails from here on is a note.
  void remove_old() {
    for (const auto& [from, to] : aside_) {
      if (from == final_) {
        remove_checkpoint(to);
      } else {
        report_.notes.push_back(fmt::format("'{}' belongs to an earlier history of this run and is now '{}'", from.filename().string(),
                                            to.filename().string()));
      }
    }
    int64_t complete = 0;
    for (const int64_t step : steps_in(checkpoints_)) {
      const fs::path directory = checkpoints_ / step_directory_name(step);
      if (!is_complete(directory)) continue;  // left for a person to look at
      if (++complete > options_.keep) remove_checkpoint(directory);
    }
  }

  /// The name goes first, so that a removal that stops half-way leaves nothing that looks like a checkpoint.
  void remove_checkpoint(const fs::path& directory) {
    const fs::path removed = checkpoints_ / (kTemporary + std::string("removed-") + directory.filename().string());
    try {
      storage_.rename(directory, removed);
      storage_.remove(removed);
    } catch (const fs::filesystem_error& failure) {
      report_.notes.push_back(fmt::format("cannot remove the old checkpoint '{}': {}", directory.string(), failure.code().message()));
    }
  }

  static bool is_complete(const fs::path& directory) {
    try {
      CheckpointReader reader(directory);
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  void write_file(const fs::path& path, const std::string& text) {
    const std::unique_ptr<OutputFile> file = storage_.create(path);
    file->write(text.data(), static_cast<int64_t>(text.size()));
    file->sync();
    file->close();
  }

  /// Best effort: what stays is removed by the next save, and its name says that it is no checkpoint.
  void give_up() noexcept {
    for (const fs::path& path : {temporary_, checkpoints_ / ".tmp-latest"}) {
      try {
        storage_.remove(path);
      } catch (const fs::filesystem_error&) {
        continue;
      }
    }
  }

  [[noreturn]] void rethrow(const std::exception_ptr& failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const fs::filesystem_error& cause) {
      throw explained(cause);
    }
  }

  Error explained(const fs::filesystem_error& cause) {
    Error error(Exit::failed, "cannot save step {}: '{}': {}", snapshot_.step, cause.path1().string(), cause.code().message());
    std::error_code unknown;
    const fs::space_info space = fs::space(checkpoints_, unknown);
    if (!unknown && report_.bytes > 0)
      error.because(fmt::format("the file of rank {} takes {}, the file system has {} left", group_.rank,
                                human_bytes(static_cast<double>(report_.bytes)), human_bytes(static_cast<double>(space.available))));
    if (cause.code() == std::errc::no_such_file_or_directory && group_.rank != 0)
      error.because("rank 0 made this directory: every rank must see the same file system");
    return error.hint("df -h '{}'; {}", checkpoints_.string(), last_good());
  }

  std::string last_good() {
    for (const int64_t step : steps_in(checkpoints_))
      if (is_complete(checkpoints_ / step_directory_name(step)))
        return fmt::format("the last good checkpoint is '{}'", step_directory_name(step));
    return "there is no earlier checkpoint";
  }

  fs::path checkpoints_, temporary_, final_;
  const Snapshot& snapshot_;
  const SaveGroup& group_;
  const SaveOptions& options_;
  Storage& storage_;
  std::vector<std::pair<fs::path, fs::path>> aside_;
  SaveReport report_;
};

}  // namespace

SaveReport save_checkpoint(const fs::path& checkpoints, const Snapshot& snapshot, const std::vector<Piece>& pieces, const SaveGroup& group,
                           const SaveOptions& options, Storage& storage) {
  return Save(checkpoints, snapshot, group, options, storage).run(pieces);
}

}  // namespace llmrun
