#include "launcher/follow/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "launcher/follow/log_start.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

int open_to_read(const fs::path& path) { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }

/// A file of the same directory by its inode: one that was renamed. -1 where there is none any more.
int open_by_inode(const fs::path& directory, uint64_t inode) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, ignored)) {
    struct stat status {};
    if (::stat(entry.path().c_str(), &status) == 0 && status.st_ino == inode) return open_to_read(entry.path());
  }
  return -1;
}

/// How much of a text to keep so that no character is torn, `most` bytes at most.
size_t whole_characters(std::string_view text, size_t most) {
  if (text.size() <= most) return text.size();
  size_t end = most;
  while (end > most - 4 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return end;
}

}  // namespace

LogFile::LogFile(LogFile&& other) noexcept
    : path_(std::move(other.path_)), start_(other.start_), started_(other.started_), descriptor_(std::exchange(other.descriptor_, -1)) {}

void LogFile::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

void LogFile::trim() {
  if (begin_ == buffer_.size()) buffer_ = {}, begin_ = 0;
}

bool LogFile::open() {
  if (descriptor_ < 0) descriptor_ = open_to_read(path_);
  return descriptor_ >= 0;
}

void LogFile::start(int64_t size) {
  started_ = true;
  if (!start_.since && !start_.lines) return;
  if (!open()) return;
  offset_ = start_.since ? start_of_time(descriptor_, size, *start_.since) : start_of_last_lines(descriptor_, size, *start_.lines);
}

/// True once the old file is read to its end: a piece without a newline is a line then, nobody will end it.
bool LogFile::leave_old(int64_t& size) {
  if (descriptor_ < 0) descriptor_ = open_by_inode(path_.parent_path(), inode_);
  struct stat old {};
  if (descriptor_ >= 0 && ::fstat(descriptor_, &old) == 0 && old.st_ino == inode_ && old.st_size > offset_) {
    size = old.st_size;
    return false;
  }
  close();
  if (buffer_.size() > begin_ && buffer_.back() != '\n') buffer_ += '\n', ++taken_;
  if (!has_line_) has_line_ = find_line();
  return true;
}

void LogFile::look() {
  struct stat now {};
  if (::stat(path_.c_str(), &now) != 0) {
    started_ = true;  // what it holds once it appears is all new
    return;
  }
  if (!started_) start(now.st_size);
  int64_t size = now.st_size;
  behind_ = inode_ != 0 && inode_ != now.st_ino && !leave_old(size);
  if (!behind_ && inode_ != now.st_ino) {
    if (inode_ != 0) offset_ = 0;
    inode_ = now.st_ino;
  } else if (size < offset_) {  // cut back: the torn end of what was there goes too
    offset_ = 0;
    const size_t kept = std::max(buffer_.rfind('\n') + 1, has_line_ ? line_end_ : begin_);
    taken_ -= buffer_.size() - kept;
    buffer_.resize(kept);
    skipping_ = false;
  }
  size_ = size;
}

bool LogFile::read(size_t most) {
  if (size_ <= offset_ || !open()) return false;
  buffer_.erase(0, begin_);
  line_end_ -= std::min(line_end_, begin_);
  begin_ = 0;
  const size_t old = buffer_.size();
  buffer_.resize(old + std::min(most, static_cast<size_t>(size_ - offset_)));
  const ssize_t count = ::pread(descriptor_, buffer_.data() + old, buffer_.size() - old, offset_);
  const auto taken = static_cast<size_t>(std::max<ssize_t>(count, 0));
  buffer_.resize(old + taken);
  offset_ += static_cast<int64_t>(taken);
  taken_ += taken;
  if (taken == 0) size_ = offset_;  // it was cut back since look()
  return taken > 0;
}

bool LogFile::find_line() {
  while (begin_ < buffer_.size()) {
    const std::string_view text = std::string_view(buffer_).substr(begin_);
    const size_t newline = text.find('\n');
    const bool whole = newline != text.npos;
    if (skipping_) {  // the rest of a line that was given out already
      skipping_ = !whole;
      begin_ += whole ? newline + 1 : text.size();
      continue;
    }
    if (!whole && text.size() <= kLongestLine) return false;
    const std::string_view line = text.substr(0, newline);
    line_size_ = whole_characters(line, kLongestLine);
    line_end_ = begin_ + line.size() + (whole ? 1 : 0);
    cut_ = line_size_ < line.size();
    skipping_ = !whole;
    line_time_ = time_of_line(line);
    if (line_time_ != kNoTime) time_ = line_time_;
    return true;
  }
  return false;
}

LogLine LogFile::line() const { return {std::string_view(buffer_).substr(begin_, line_size_), line_time_, cut_}; }

void LogFile::fill(size_t most) {
  const size_t at_hand = buffer_.size() - begin_;
  if (at_hand < most) read(most - at_hand);
  if (!has_line_) next(most);
}

bool LogFile::next(size_t most) {
  if (has_line_) begin_ = line_end_;
  do has_line_ = find_line();
  while (!has_line_ && read(most));
  return has_line_;
}

std::optional<LogLine> LogFile::rest() {
  if (skipping_ || begin_ == buffer_.size()) return {};
  const std::string_view text = std::string_view(buffer_).substr(begin_);
  begin_ = buffer_.size();
  return LogLine{text, time_of_line(text), false};
}

}  // namespace llmrun
