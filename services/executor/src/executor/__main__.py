from chassis.main import main
from executor.app import build
from executor.sending.dispatch_points import DispatchPoint
from executor.settings import Settings

main("executor", Settings, build, DispatchPoint)
