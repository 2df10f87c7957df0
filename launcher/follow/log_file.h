#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "launcher/follow/log_line.h"

namespace llmrun {

/// Where reading begins in a log that is there already; one that appears later is read whole.
struct LogStart {
  std::optional<int64_t> lines;   // so many before its end; empty: all
  std::optional<WallTime> since;  // the first line of that time or later; wins over `lines`
};

/// A line, without its newline. The text stays valid until its file is asked for anything.
struct LogLine {
  std::string_view text;
  WallTime time = kNoTime;  // its own; a line without one goes on with the line before
  bool cut = false;         // it was longer than LogFile::kLongestLine: the rest is left out
};

/// The lines of a log that is being written, in a bounded piece of memory. It may appear late, be cut back (read again from its start), or
/// be renamed and begun anew (what is left of the old one is read first). A line counts once its newline is there.
/// Passive: nothing is read but in look(), fill() and next().
class LogFile {
 public:
  static constexpr size_t kLongestLine = 8192;

  LogFile(std::filesystem::path path, LogStart start) : path_(std::move(path)), start_(start) {}
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
  ~LogFile() { close(); }

  /// One stat: how much there is to read now. Everything below goes up to there.
  void look();
  /// Reads ahead until `most` bytes are at hand, if there are so many, and finds the first line.
  void fill(size_t most);
  /// Goes behind the line at hand, reading on in pieces of `most` bytes where that is needed. False: no further line is whole.
  bool next(size_t most);
  /// What stands behind the last newline: at the end of a run it is a line too. Only once there is no line at hand.
  std::optional<LogLine> rest();

  bool has_line() const { return has_line_; }
  LogLine line() const;  // REQUIRES has_line()
  /// Of the line at hand: its own, or that of the last line that had one. What lines of several files are merged by.
  WallTime time() const { return time_; }
  /// Whether the line at hand was there at the look() that mark() followed.
  bool is_due() const { return has_line_ && position() < mark_; }
  void mark() { mark_ = taken_ + static_cast<uint64_t>(size_ - offset_); }
  bool unread() const { return size_ > offset_ || behind_; }

  bool is_open() const { return descriptor_ >= 0; }
  /// Gives the descriptor back; the next read opens the file again.
  void close();
  /// Gives the memory back where nothing is at hand.
  void trim();

 private:
  void start(int64_t size);
  bool open();
  bool old_is_unread();
  void leave_old();
  void start_again();
  bool read(size_t most);
  bool find_line();
  uint64_t position() const { return taken_ - (buffer_.size() - begin_); }

  std::filesystem::path path_;
  LogStart start_;
  bool started_ = false;
  int descriptor_ = -1;
  uint64_t inode_ = 0;
  bool behind_ = false;    // the path has a new file; we still read the old one
  int64_t offset_ = 0;     // of the next byte to read
  int64_t size_ = 0;       // as look() saw it
  uint64_t taken_ = 0;     // bytes read so far, over all files of this path
  uint64_t mark_ = 0;      // in the same count
  std::string buffer_;     // read and not given out, from begin_
  size_t begin_ = 0;       // where the line at hand starts, or where the next one will
  bool skipping_ = false;  // inside a line that was cut
  bool has_line_ = false;  // the line at hand, and of it:
  size_t line_size_ = 0;
  size_t line_end_ = 0;  // in buffer_, behind its newline
  bool cut_ = false;
  WallTime line_time_ = kNoTime;
  WallTime time_ = kNoTime;
};

}  // namespace llmrun
