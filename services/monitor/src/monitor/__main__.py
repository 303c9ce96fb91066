from chassis.main import main
from monitor.app import build
from monitor.settings import Settings

main("monitor", Settings, build)
