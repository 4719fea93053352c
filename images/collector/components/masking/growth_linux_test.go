package masking

import (
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestTimeGrowsWithTheLengthAlone(t *testing.T) {
	// Processor time, which other work on the machine does not change much.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	m := New(Settings{PersonalData: true})
	cost := func(pattern string, length int) time.Duration {
		text, begin := strings.Repeat(pattern, length/len(pattern)), processorTime(t)
		m.Text(text)
		return processorTime(t) - begin
	}
	for at, piece := range hostile {
		for _, other := range []string{"", hostile[(at+1)%len(hostile)], `"`, "=", " ", "token="} {
			// 16 times the length: the square would be 256.
			short, long := time.Duration(0), time.Hour
			for n := 0; n < 3 && long > 100*max(short, time.Millisecond); n++ {
				short, long = cost(piece+other, 20_000), cost(piece+other, 320_000)
			}
			if long > 100*max(short, time.Millisecond) {
				t.Errorf("%q: %v, and %v for 16 times its length", piece+other, short, long)
			}
		}
	}
}

// processorTime is what this thread has used so far.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	const thread = 1 // RUSAGE_THREAD
	var used syscall.Rusage
	if err := syscall.Getrusage(thread, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
