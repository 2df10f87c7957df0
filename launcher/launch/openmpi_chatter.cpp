#include "launcher/launch/openmpi_chatter.h"

#include <algorithm>
#include <array>

namespace llmrun {
namespace {

constexpr size_t kFrame = 74;            // dashes above and below a paragraph
constexpr int kLongestParagraph = 30;    // should the closing frame be missing
constexpr size_t kLongestOpening = 400;  // training writes long lines too

// Open MPI 4 (help-orterun.txt, help-mpi-api.txt), and the same words of PRRTE.
constexpr std::array<std::string_view, 8> kOpenings{"Primary job  terminated normally, but",
                                                    "Child job ",
                                                    "noticed that process rank",
                                                    "noticed that the job aborted",
                                                    "detected that one or more processes exited with non-zero status",
                                                    "has exited due to process rank",
                                                    "MPI_ABORT was invoked on rank",
                                                    "ORTE has lost communication with a remote daemon"};
constexpr std::array<std::string_view, 7> kAlone{
    ": Forwarding signal ",         " sent help message help-", "Set MCA parameter \"orte_base_help_aggregate\"",
    "abort is already in progress", "PMIX ERROR: UNREACHABLE",  "PMIX ERROR: PMIX_ERR_UNPACK_READ_PAST_END",
    "] Read -1, expected "};

template <size_t n>
bool holds(std::string_view line, const std::array<std::string_view, n>& parts) {
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) { return line.find(part) != std::string_view::npos; });
}

}  // namespace

bool OpenMpiChatter::take(std::string_view line) {
  if (line.size() == kFrame && line.find_first_not_of('-') == std::string_view::npos) {
    left_ = 0;
    return true;
  }
  if (line.size() > kLongestOpening) return false;
  if (holds(line, kOpenings)) left_ = kLongestParagraph;
  if (left_ > 0) {
    --left_;
    return true;
  }
  return holds(line, kAlone);
}

}  // namespace llmrun
