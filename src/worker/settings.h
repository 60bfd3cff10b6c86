#pragma once

namespace txsync::worker {

// The settings of txsync, from _PG_init.
void DefineSettings();

bool CaptureIsWanted();

// Empty: nobody is notified.
const char *NotifyChannel();

} // namespace txsync::worker
