#include "launcher/follow/log_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "launcher/follow/log_start.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

int open_to_read(const fs::path& path) { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }

bool is_inode(int descriptor, uint64_t inode) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 && status.st_ino == inode;
}

/// A file of a directory by its inode: one that was renamed. -1 where there is none any more. No stat of the others: they may be thousands.
int open_by_inode(const fs::path& directory, uint64_t inode) {
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(directory.c_str()), ::closedir);
  while (const dirent* entry = listing ? ::readdir(listing.get()) : nullptr) {
    if (entry->d_ino != inode) continue;
    const int descriptor = open_to_read(directory / entry->d_name);
    if (descriptor >= 0 && is_inode(descriptor, inode)) return descriptor;
    if (descriptor >= 0) ::close(descriptor);
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

void LogFile::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

void LogFile::trim() {
  if (begin_ == buffer_.size()) buffer_ = {}, begin_ = 0;
}

/// The file that look() saw, though its name may be another's by now.
bool LogFile::open() {
  if (descriptor_ >= 0) return true;
  descriptor_ = open_to_read(path_);
  if (inode_ != 0 && !is_inode(descriptor_, inode_)) {
    close();
    descriptor_ = open_by_inode(path_.parent_path(), inode_);
  }
  return descriptor_ >= 0;
}

void LogFile::start(int64_t size) {
  started_ = true;
  if (!start_.since && !start_.lines) return;
  if (!open()) return;
  offset_ = start_.since ? start_of_time(descriptor_, size, *start_.since) : start_of_last_lines(descriptor_, size, *start_.lines);
}

/// Whether a file that lost its name holds more than we have read. One that is gone for good is not asked for again.
bool LogFile::old_is_unread() {
  struct stat old {};
  if (!open() || ::fstat(descriptor_, &old) != 0) {
    leave_old();
    return false;
  }
  size_ = std::max(old.st_size, offset_);
  return size_ > offset_;
}

/// Goes on to the file that has the name now. A piece of the old one without a newline is a line: nobody will end it.
void LogFile::leave_old() {
  close();
  if (buffer_.size() > begin_ && buffer_.back() != '\n') buffer_ += '\n', ++taken_;
  if (!has_line_) has_line_ = find_line();
  inode_ = 0;
  offset_ = size_ = 0;
}

/// The torn end of what was there goes too.
void LogFile::start_again() {
  offset_ = 0;
  const size_t kept = std::max(buffer_.rfind('\n') + 1, has_line_ ? line_end_ : begin_);
  taken_ -= buffer_.size() - kept;
  buffer_.resize(kept);
  skipping_ = false;
}

void LogFile::look() {
  struct stat now {};
  const bool there = ::stat(path_.c_str(), &now) == 0;
  if (!started_ && there) start(now.st_size);
  started_ = true;  // what a file holds that appears later is all new
  if (inode_ != 0 && !(there && inode_ == now.st_ino)) {
    behind_ = old_is_unread();
    if (behind_ || !there) return;
    leave_old();
  }
  if (!there) return;
  if (now.st_size < offset_) start_again();
  inode_ = now.st_ino;
  size_ = now.st_size;
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
