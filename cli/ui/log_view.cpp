#include "cli/ui/log_view.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "engine/core/json.h"
#include "engine/core/units.h"
#include "launcher/follow/followed_run.h"
#include "launcher/follow/waiting_text.h"
#include "launcher/launch/launcher.h"
#include "launcher/render/shell.h"
#include "launcher/scheduler/chain.h"

namespace llmrun::cli {
namespace {

constexpr size_t kEnoughToWrite = 1 << 16;
constexpr std::string_view kCutMark = " [cut: the line is longer than 8 KiB]";

std::string_view color_of(LogLevel level) {
  switch (level) {
    case LogLevel::warning:
      return "\x1b[33m";
    case LogLevel::error:
      return "\x1b[31m";
    case LogLevel::critical:
      return "\x1b[1;31m";
    default:
      return "\x1b[2m";
  }
}

/// As ASCII: what a terminal would obey stays a name of it.
std::string dump(const json& object) { return object.dump(-1, ' ', true, json::error_handler_t::replace) + "\n"; }

json or_null(std::string_view text) { return text.empty() ? json() : json(text); }

std::string waited(const QueuedJob& job, int64_t now) {
  const WallTime queued = wall_time_of_utc(job.submitted);
  return queued == kNoTime ? "" : format_duration(std::max<int64_t>(0, (wall_time(now) - queued) / 1000)) + "  ";
}

}  // namespace

LogView::LogView(LogViewStyle style, Context& context, std::function<bool()> interrupted)
    : style_(std::move(style)),
      out_(context.out()),
      talk_(context.talk()),
      colored_(context.colored(context.out())),
      interrupted_(std::move(interrupted)),
      live_(context.talk()) {}

int LogView::reader() const { return STDOUT_FILENO; }

void LogView::attempt_begins(const Attempt& attempt, const std::vector<int64_t>& ranks) {
  live_.clear();
  attempt_ = attempt.number;
  ranks_ = ranks;
  levels_.assign(std::max<size_t>(1, ranks.size()), LogLevel::info);
  in_history_ = first_ && style_.history;
  is_chatter_ = style_.hide_chatter && ranks.empty() ? chatter_of_any_launcher() : nullptr;
  if (!first_) {
    talk_.print("llmrun: attempt {} of {} begins\n", attempt.number, printable(style_.run));
    talk_.failed();
  }
  event({{"event", "attempt_begins"}, {"attempt", attempt.number}});
  first_ = false;
}

bool LogView::fits(size_t file, std::string_view text) {
  if (style_.level) {
    if (const auto level = level_of_line(text)) levels_[file] = *level;
    if (levels_[file] < *style_.level) return false;
  }
  return !style_.grep || style_.grep->in(text);
}

void LogView::append(std::string& to, size_t file, const LogLine& line) const {
  if (ranks_.size() > 1) fmt::format_to(std::back_inserter(to), "[{}] ", ranks_[file]);
  const auto add = [&](std::string_view text) { style_.raw ? void(to += text) : append_printable(to, text); };
  const std::string_view level = colored_ ? level_word(line.text) : std::string_view();
  if (level.empty()) {
    add(line.text);
  } else {
    const auto before = static_cast<size_t>(level.data() - line.text.data());
    add(line.text.substr(0, before));
    to += color_of(*parse_level(level));
    to += level;
    to += "\x1b[0m";
    add(line.text.substr(before + level.size()));
  }
  if (line.cut) to += kCutMark;
  to += '\n';
}

void LogView::append_json(std::string& to, size_t file, const LogLine& line) const {
  const auto level = level_of_line(line.text);
  to += dump({{"version", 1},
              {"attempt", attempt_},
              {"rank", ranks_.empty() ? json() : json(ranks_[file])},
              {"time", or_null(time_text(line.text))},
              {"level", level ? json(spelling(*level)) : json()},
              {"text", line.text},
              {"cut", line.cut}});
}

void LogView::line(size_t file, const LogLine& line) {
  if (is_chatter_ && is_chatter_(line.text)) return;
  if (!fits(file, line.text)) return;
  std::string alone;
  std::string& to = in_history_ ? alone : text_;
  style_.json ? append_json(to, file, line) : append(to, file, line);
  if (in_history_) {
    history_.push_back(std::move(alone));
    if (history_.size() > static_cast<size_t>(*style_.history)) history_.pop_front();
  } else if (text_.size() > kEnoughToWrite) {
    flush();
  }
}

void LogView::flush() {
  out_.write(text_);
  text_.clear();
  unread_ = out_.failed() || is_unread(reader());
}

void LogView::look_ends() {
  for (const std::string& line : history_) text_ += line;
  history_.clear();
  in_history_ = false;
  flush();
}

void LogView::event(const json& what) {
  if (!style_.json) return;
  json whole{{"version", 1}, {"run", style_.run}};
  whole.update(what);
  text_ += dump(whole);
  flush();
}

void LogView::attempt_ended(const Attempt& attempt) {
  talk_.print("llmrun: attempt {} of {} ended with {}\n", attempt.number, printable(style_.run),
              exit_text(attempt.exit.value_or(1), style_.whose));
  talk_.failed();
  event({{"event", "attempt_ended"}, {"attempt", attempt.number}, {"exit", attempt.exit.value_or(1)}});
}

void LogView::waits(const JobNews& news, const std::string& trouble) {
  const std::time_t now = std::time(nullptr);
  const std::string text = waiting_text(news, trouble, now);
  live_.show(printable(style_.run + ": " + text), waited(news.queued, now));
  first_ = false;
  unread_ = is_unread(reader());
  if (text == waiting_) return;
  waiting_ = text;
  event({{"event", "waits"},
         {"job_id", news.queued.id},
         {"state", news.job ? json(spelling(news.job->phase)) : json()},
         {"comment", news.job ? json(news.job->comment) : json()},
         {"starts_at", news.job && news.job->starts_at ? json(*news.job->starts_at) : json()},
         {"trouble", or_null(trouble)}});
}

void LogView::chain_ended(const ChainStop& stop) {
  talk_.print("llmrun: {}\n", printable(told(stop)));
  event({{"event", "chain_ended"}, {"reason", stop.reason}, {"exit", stop.exit_code}});
}

void LogView::job_ended(const JobNews& news) {
  live_.clear();
  const std::string why = news.job && news.job->end ? std::string(spelling(*news.job->end)) : "the scheduler does not know it any more";
  const std::string comment = news.job && !news.job->comment.empty() ? ": " + printable(news.job->comment) : "";
  talk_.print("llmrun: job {} of {} is over and started nothing: {}{}\n", printable(news.queued.id), printable(style_.run), why, comment);
  if (const std::filesystem::path output = output_of_job(news.queued); !output.empty()) {
    talk_.print("hint: what it said is in {}\n", printable(output.string()));
    advised_ = true;
  }
  event({{"event", "job_ended"}, {"job_id", news.queued.id}, {"why", why}});
}

void LogView::advise(int exit_code, const std::string& run) {
  if (exit_code == 0 || advised_ || was_stopped(exit_code, style_.whose)) return;
  talk_.print("hint: llmrun explain {}\n", printable(shell_quoted(run)));
}

void LogView::leave() {
  live_.clear();
  if (talk_.is_terminal()) talk_.write("\n");  // behind the terminal's ^C
  talk_.print("llmrun: {} goes on without us; to see it again: llmrun tail {}\n", printable(style_.run), printable(style_.run));
}

}  // namespace llmrun::cli
