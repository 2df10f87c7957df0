#pragma once
#include <string_view>

namespace llmrun {

/// What mpirun and prterun say of an end that llmrun tells itself: paragraphs framed by lines of dashes, and a few lines that stand alone.
/// Any other paragraph ("There are not enough slots available...") is not chatter; its frame is.
class OpenMpiChatter {
 public:
  /// Fed every line, in order.
  bool take(std::string_view line);

 private:
  int left_ = 0;  // lines that may still belong to the paragraph
};

}  // namespace llmrun
