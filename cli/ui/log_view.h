#pragma once
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/ui/live_line.h"
#include "launcher/follow/follow_run.h"
#include "launcher/follow/grep.h"
#include "launcher/report/exit_meaning.h"

namespace llmrun::cli {

/// What of a run's lines is shown, and how.
struct LogViewStyle {
  std::string run;                 // its name
  std::optional<int64_t> history;  // of what the first attempt wrote before, the last lines that fit; empty: all that do
  std::optional<LogLevel> level;   // lines of this weight and above; a line without a level goes with the line before it
  std::optional<Grep> grep;
  /// Hides what a launcher says of an end in the combined log, as `train` does on its own screen.
  bool hide_chatter = false;
  ExitCodes whose = ExitCodes::ours;
  bool raw = false;   // control characters as they are
  bool json = false;  // an object a line
};

/// A run's lines on stdout, as plain text or as JSON, and its state on stderr, where a terminal has one line for it.
class LogView : public FollowView {
 public:
  LogView(LogViewStyle style, Context& context, std::function<bool()> interrupted);

  void attempt_begins(const Attempt& attempt, const std::vector<int64_t>& ranks) override;
  void line(size_t file, const LogLine& line) override;
  void look_ends() override;
  void attempt_ended(const Attempt& attempt) override;
  void waits(const JobNews& news, const std::string& trouble) override;
  void chain_ended(const ChainStop& stop) override;
  void job_ended(const JobNews& news) override;
  bool gone() override { return unread_ || interrupted_(); }
  int reader() const override;

  /// The last word where the run ended with `exit_code`: what to type next, where something is wrong. `run`: what a person calls it.
  void advise(int exit_code, const std::string& run);
  /// The last word to somebody who leaves before the run ends.
  void leave();

 private:
  bool fits(size_t file, std::string_view text);
  void append(std::string& to, size_t file, const LogLine& line) const;
  void append_json(std::string& to, size_t file, const LogLine& line) const;
  void event(const json& what);
  void flush();

  LogViewStyle style_;
  Output& out_;
  Output& talk_;
  bool colored_;
  std::function<bool()> interrupted_;
  bool unread_ = false;
  LiveLine live_;
  std::string text_;  // for stdout, not yet written
  bool in_history_ = false;
  std::deque<std::string> history_;
  bool first_ = true;
  int attempt_ = 0;
  std::vector<int64_t> ranks_;
  std::vector<LogLevel> levels_;                      // of the newest line of each file
  std::function<bool(std::string_view)> is_chatter_;  // of this attempt's launcher; empty: nothing is hidden
  bool advised_ = false;
  std::string waiting_;  // what was last said of it, in JSON
};

}  // namespace llmrun::cli
