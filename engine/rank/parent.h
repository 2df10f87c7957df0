#pragma once

namespace llmrun {

/// From here on this process is killed when its parent is gone, however the parent died: mpirun under SIGKILL, a daemon of the site's
/// launcher, llmrun itself. The parent that counts is the one at the time of the call. Linux.
void end_with_parent();

}  // namespace llmrun
