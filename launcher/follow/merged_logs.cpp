#include "launcher/follow/merged_logs.h"

#include <algorithm>
#include <utility>

namespace llmrun {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr size_t kLeastPiece = 4096, kMostPiece = 1 << 18;
constexpr milliseconds kLeastPause{20}, kMostPause{5000};
constexpr milliseconds kMeeting{200};  // in which a line of another rank may come late and still find its place

/// The order of a heap with the earliest line on top; of two files the first.
constexpr auto kLater = [](const auto& a, const auto& b) { return a.time != b.time ? a.time > b.time : a.file > b.file; };

}  // namespace

MergedLogs::MergedLogs(const std::vector<std::filesystem::path>& paths, LogStart start)
    : piece_(std::clamp(kMemory / std::max<size_t>(1, paths.size()), kLeastPiece, kMostPiece)) {
  for (const std::filesystem::path& path : paths) files_.emplace_back(path, start);
}

/// Does something with a file that may open it. The first kMostOpen files that speak stay open, others are opened for each piece.
template <typename Work>
void MergedLogs::with(LogFile& file, Work work) {
  open_ -= file.is_open();
  work();
  if (open_ >= kMostOpen) file.close();
  open_ += file.is_open();
}

/// Due is what the look before has seen; at the first and the last look, and where there is nothing to merge with, all that there is.
void MergedLogs::look(bool everything) {
  const auto begin = Clock::now();
  everything = everything || !std::exchange(looked_, true) || files_.size() == 1;
  for (LogFile& file : files_) {
    if (!everything) file.mark();
    with(file, [&] {
      file.look();
      file.fill(piece_);
    });
    if (everything) file.mark();
  }
  cost_ = Clock::now() - begin;
}

/// Hands out lines of one file as long as it has the earliest.
bool MergedLogs::hand_out(size_t number, const Take& take) {
  LogFile& file = files_[number];
  do {
    due_ -= file.is_due();
    if (!take(number, file.line())) return false;
    with(file, [&] { file.next(piece_); });
    if (!file.has_line()) return true;
    due_ += file.is_due();
  } while (due_ > 0 && (heads_.empty() || file.time() <= heads_.front().time));
  heads_.push_back({file.time(), number});
  std::push_heap(heads_.begin(), heads_.end(), kLater);
  return true;
}

bool MergedLogs::merge(const Take& take) {
  heads_.clear();
  due_ = 0;
  for (size_t number = 0; number < files_.size(); ++number) {
    if (!files_[number].has_line()) continue;
    heads_.push_back({files_[number].time(), number});
    due_ += files_[number].is_due();
  }
  std::make_heap(heads_.begin(), heads_.end(), kLater);
  bool wanted = true;
  while (wanted && due_ > 0) {
    std::pop_heap(heads_.begin(), heads_.end(), kLater);
    const size_t earliest = heads_.back().file;
    heads_.pop_back();
    wanted = hand_out(earliest, take);
  }
  holding_ = !heads_.empty();
  for (LogFile& file : files_) file.trim();
  return wanted;
}

void MergedLogs::advance(const Take& take) {
  look(/*everything=*/false);
  merge(take);
}

void MergedLogs::finish(const Take& take) {
  do {
    look(/*everything=*/true);
    if (!merge(take)) return;
  } while (std::any_of(files_.begin(), files_.end(), [](const LogFile& file) { return file.unread(); }));
  for (size_t number = 0; number < files_.size(); ++number)
    if (const auto rest = files_[number].rest(); rest && !take(number, *rest)) return;
}

milliseconds MergedLogs::pause() const { return std::clamp(std::chrono::duration_cast<milliseconds>(4 * cost_), kLeastPause, kMostPause); }

}  // namespace llmrun
