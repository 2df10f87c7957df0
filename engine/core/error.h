#pragma once
#include <fmt/format.h>

#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace llmrun {

/// The exit codes of llmrun, of its ranks and of a chain of jobs: one table for all three.
/// A rank that died by signal n makes the run exit with 128 + n (the first to die wins).
enum class Exit : int {
  done = 0,
  failed = 1,
  usage = 2,
  config = 3,
  credentials = 4,
  preflight = 5,     // hosts, data files, `from`, MPI world, lock, no room at the start, queue limits
  unreachable = 6,   // the scheduler does not answer
  resubmit = 75,     // stopped cleanly before the walltime
  no_progress = 93,  // three attempts without a step: do not restart
  numerics = 97,
  no_checkpoint = 98,
  hang = 124,
  interrupted = 130,
  terminated = 143,
};

/// A place in a file that a person wrote: where a value of the configuration stands.
struct Place {
  std::string file;
  int line = 0;    // from 1; 0: no line known
  int column = 0;  // from 1
  friend bool operator==(const Place&, const Place&) = default;
};

/// One thing that is wrong, told in the order a reader needs it: what, where, who set it, what to type.
/// `what` is lower case without a full stop, the subject in quotes.
struct Complaint {
  std::string what;
  std::optional<Place> at;
  std::vector<std::string> because;
  std::string hint;
};

/// The one exception of llmrun. A validator collects every complaint and throws once; `main` prints it and exits with `code`.
class Error : public std::exception {
 public:
  Error(Exit code, std::vector<Complaint> complaints);
  template <typename... Args>
  Error(Exit code, fmt::format_string<Args...> format, Args&&... args)
      : Error(code, std::vector<Complaint>{{fmt::format(format, std::forward<Args>(args)...), {}, {}, {}}}) {}

  /// These three speak of the last complaint, and return *this so that a throw reads as one sentence.
  Error& at(Place place);
  Error& because(std::string reason);
  template <typename... Args>
  Error& hint(fmt::format_string<Args...> format, Args&&... args) {
    complaints_.back().hint = fmt::format(format, std::forward<Args>(args)...);
    return *this;
  }

  /// It only says that another rank failed, whose own error is the cause.
  Error& of_another_rank() {
    of_another_rank_ = true;
    return *this;
  }

  Exit code() const { return code_; }
  bool is_of_another_rank() const { return of_another_rank_; }
  const std::vector<Complaint>& complaints() const { return complaints_; }
  /// Every complaint's `what`, a line each: what a rank writes into its error file. cli/ui prints the full form.
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  Exit code_;
  bool of_another_rank_ = false;
  std::vector<Complaint> complaints_;
  std::string what_;
};

}  // namespace llmrun
